#!/bin/sh
# Makes the secrets of docker-compose.yml in deploy/secrets, or in the folder that is given; keeps those that exist.
# The folder is its owner's only. The files in it can be read by all, because in a container it is another user who does.
set -eu
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
chmod 700 "$folder"
for name in admin_token grafana_admin_password redis_api_password redis_archiver_password redis_operator_password \
    postgres_password postgres_api_password postgres_archiver_password; do
    [ -s "$folder/$name" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$folder/$name"
    chmod 444 "$folder/$name"
done
