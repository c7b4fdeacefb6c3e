"""Whether a service that others can reach has a key, so that it does not start open to all."""

import asyncio
import socket
import time

from redis.exceptions import RedisError

from app.access.exposure import is_loopback
from app.contract.connection import connect
from app.contract.key_store import read_keys
from app.contract.postgres import POSTGRES_ERRORS
from app.settings import Settings
from archiver.api_keys import read_stored
from archiver.postgres import connect as connect_postgres

WAYS_OUT = (
    "make a key first (`modepulse keys create NAME --scope admin`), set MODEPULSE_ADMIN_TOKEN,"
    " or let everybody in with MODEPULSE_ALLOW_ANONYMOUS=true"
)


def needs_key(settings: Settings, listener: socket.socket) -> bool:
    """Whether others can reach the service there, by themselves or through a proxy, and nothing else lets them in."""
    private = is_loopback(listener) and not settings.trusted_proxies
    return not (private or settings.admin_token or settings.allow_anonymous)


def lacks_key(settings: Settings) -> bool | None:
    """Whether nobody has a valid key; None where the stores cannot be asked."""
    return asyncio.run(_lacks_key(settings))


async def _lacks_key(settings: Settings) -> bool | None:
    redis = connect(settings)
    try:
        kept = await read_keys(redis)
    except RedisError:
        return None
    finally:
        await redis.aclose()
    if kept.has_valid(time.time()):
        return False
    # A Redis without an epoch is new, or has lost what Postgres still has.
    if kept.epoch or not settings.postgres_dsn:
        return True
    return await _archive_lacks_key(settings)


async def _archive_lacks_key(settings: Settings) -> bool | None:
    try:
        postgres = await connect_postgres(settings.postgres_dsn)
    except POSTGRES_ERRORS:
        return None
    try:
        keys = await read_stored(postgres)
    except POSTGRES_ERRORS:
        return None
    finally:
        postgres.terminate()
    return not any(key.is_valid(time.time()) for key in keys.values())
