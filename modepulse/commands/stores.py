"""Runs the part of a command that uses Redis or Postgres; a store that does not answer makes the command fail."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.contract.connection import connect
from app.contract.postgres import POSTGRES_ERRORS
from app.settings import Settings
from modepulse.commands.failure import fail
from modepulse.store_error import describe

T = TypeVar("T")
# Of one round trip: the scripts of rebuild and verify take longer than those of the service.
REDIS_TIMEOUT_SECONDS = 60


def run_with_redis(settings: Settings, job: Callable[[Redis], Coroutine[Any, Any, T]]) -> T:
    """Returns the result of `job` with a connection to Redis."""

    async def run() -> T:
        redis = connect(settings, seconds=REDIS_TIMEOUT_SECONDS)
        try:
            return await job(redis)
        finally:
            await redis.aclose()

    return run_with_stores(run())


def run_with_stores(job: Coroutine[Any, Any, T]) -> T:
    """Returns the result of `job`."""
    from archiver.errors import EditedMigration

    try:
        return asyncio.run(job)
    except EditedMigration as error:
        fail(str(error), 2)
    except RedisError as error:
        fail(f"Redis cannot be used: {describe(error)}", 1)
    except POSTGRES_ERRORS as error:  # redis-py has errors of its own for all of these
        fail(f"Postgres cannot be used: {describe(error)}", 1)
