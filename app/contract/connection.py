"""How both processes reach Redis."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.settings import Settings


class SettingsMismatch(Exception):
    """The process is configured otherwise than the data in Redis; it must not go on."""


def connect(settings: Settings, single: bool = False, seconds: float | None = None) -> Redis:
    """A client that never repeats a command by itself: a repeat is ours to make, with its token.

    `single`: all commands go through one connection, which WAIT needs to know whose writes it waits for.
    `seconds`: longest round trip, where it is not to be the setting's.
    """
    return Redis.from_url(
        settings.redis_url,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=seconds or settings.redis_timeout_seconds,
        socket_connect_timeout=settings.redis_timeout_seconds,
        socket_keepalive=True,
        max_connections=64,
        single_connection_client=single,
    )
