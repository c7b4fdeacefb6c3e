"""The commands that look into the stores: redis-cli and psql, led to the running stack."""

from typing import Annotated

import typer
from redis.exceptions import RedisError

from modepulse.commands.failure import fail
from modepulse.commands.options import DEFAULT_DATA_DIR, RunningDataDir
from modepulse.commands.settings import read_settings_for_postgres, read_settings_for_redis
from modepulse.launcher.errors import LaunchError
from modepulse.launcher.store_clients import psql as psql_client
from modepulse.launcher.store_clients import redis_cli as redis_cli_client

# What these commands do not know themselves is the client's.
PASSING_ON = {"ignore_unknown_options": True}
Arguments = Annotated[
    list[str] | None, typer.Argument(help="For the client; behind `--` also what begins like an option of ours.")
]


def redis_cli(arguments: Arguments = None, data_dir: RunningDataDir = DEFAULT_DATA_DIR) -> None:
    """Open redis-cli on Redis, or a small one of our own: `modepulse redis-cli XLEN '{0}:events'`."""
    from modepulse.redis_prompt import run

    url = read_settings_for_redis(data_dir).redis_url
    try:
        if client := redis_cli_client(url):
            client.run(arguments or [])
        code = run(url, arguments or [])
    except LaunchError as error:
        fail(str(error), error.exit_code)
    except RedisError as error:
        fail(f"Redis does not answer: {type(error).__name__}: {error}", 1)
    raise typer.Exit(code)


def psql(arguments: Arguments = None, data_dir: RunningDataDir = DEFAULT_DATA_DIR) -> None:
    """Open psql on Postgres: `modepulse psql -c 'SELECT count(*) FROM area_mode_events'`."""
    settings = read_settings_for_postgres(data_dir)
    try:
        psql_client(settings.postgres_dsn).run(arguments or [])
    except LaunchError as error:
        fail(str(error), error.exit_code)
