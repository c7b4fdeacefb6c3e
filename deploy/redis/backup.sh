#!/bin/sh
# Writes a copy of Redis's append-only file to standard output, as tar, while Redis goes on: `backup.sh [DIR] >redis.tar`,
# DIR being Redis's data directory. To restore: `tar -x -C DIR <redis.tar` before Redis starts.
#
# A rewrite replaces all parts of the file and deletes the former ones. So the parts are linked first, all or none, and
# nobody can take them away. The newest still grows: it is cut where the copy ends, and Redis leaves out the torn
# transaction at its end (aof-load-truncated in redis.conf).
set -eu
umask 077
data=${1:-/data}
source=$data/appendonlydir
links=$data/backup-$$
trap 'rm -rf "$links"' EXIT
trap 'exit 1' HUP INT TERM

link_parts() {
    rm -rf "$links"
    mkdir -p "$links/appendonlydir"
    # Type h: what a rewrite has just replaced.
    grep -v ' type h' "$source/appendonly.aof.manifest" >"$links/appendonlydir/appendonly.aof.manifest" || return 1
    while read -r _ part _; do
        ln "$source/$part" "$links/appendonlydir/$part" 2>/dev/null || return 1
    done <"$links/appendonlydir/appendonly.aof.manifest"
}

tries=20
until link_parts; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || {
        echo "backup.sh: $source cannot be copied: no append-only file there, or no right to it" >&2
        exit 1
    }
    sleep 0.1
done
# 1: a file has grown meanwhile.
tar -c -C "$links" appendonlydir 2>"$links/errors" || [ $? -eq 1 ] || {
    cat "$links/errors" >&2
    exit 1
}
