#!/bin/sh
# Runs roles.sql for docker-compose.yml, with the passwords that are mounted as secrets. Once at each start: a changed
# password is a new one then. PGHOST, PGUSER and PGDATABASE say where; PGUSER is a superuser.
set -eu
here=$(dirname "$0")
SECRETS=${SECRETS:-/run/secrets}
for name in postgres postgres_api postgres_archiver; do
    [ -s "$SECRETS/${name}_password" ] || {
        echo "set-roles.sh: $SECRETS/${name}_password is missing or empty" >&2
        exit 1
    }
done
PGPASSWORD=$(cat "$SECRETS/postgres_password")
export SECRETS PGPASSWORD
exec psql --no-psqlrc --quiet --single-transaction --set ON_ERROR_STOP=1 \
    --file "$here/passwords.psql" --file "$here/roles.sql"
