"""How both processes reach Redis."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from app.settings import Settings


class SettingsMismatch(Exception):
    """The process is configured otherwise than the data in Redis; it must not go on."""


def connect(settings: Settings, seconds: float | None = None) -> Redis:
    """A client that never repeats a command by itself: a repeat is ours to make, with its token.

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
        # A service of one vendor's cloud; while it is enabled the pool hands out connections that are dead already.
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )
