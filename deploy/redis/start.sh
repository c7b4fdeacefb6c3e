#!/bin/sh
# Starts Redis for docker-compose.yml: the users of users.acl with the passwords that are mounted as secrets.
# Further arguments are redis-server's. The text with the digests goes to memory (tmpfs) only.
set -eu
umask 077
here=$(dirname "$0")
secrets=${SECRETS:-/run/secrets}
users=${USERS_FILE:-/tmp/users.acl}

grep '^user ' "$here/users.acl" >"$users"
for name in api archiver operator; do
    password=$(cat "$secrets/redis_${name}_password")
    [ -n "$password" ] || {
        echo "start.sh: $secrets/redis_${name}_password is empty" >&2
        exit 1
    }
    digest=$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)
    sed -i "s/<$name>/$digest/" "$users"
done
# Images of Valkey have it by one name or by both.
server=$(command -v redis-server || command -v valkey-server)
exec "$server" "${REDIS_CONF:-/etc/modepulse/redis.conf}" --aclfile "$users" "$@"
