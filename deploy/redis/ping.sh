#!/bin/sh
# Whether Redis answers, for docker-compose.yml: it does not while it reads its file.
set -eu
cli=$(command -v redis-cli || command -v valkey-cli)
REDISCLI_AUTH=$(cat "${SECRETS:-/run/secrets}/redis_operator_password")
export REDISCLI_AUTH
"$cli" -p "${REDIS_PORT:-6379}" --user operator ping | grep -q PONG
