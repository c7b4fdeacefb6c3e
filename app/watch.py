"""Looks at Redis once a second: how full it is, and whether it keeps what this service promises."""

import asyncio
import logging
from collections.abc import Sequence

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.batcher import Batcher
from app.settings import Settings

log = logging.getLogger(__name__)

SECONDS = 1.0
# What an answered POST rests on; docs/reliability.md says what each means.
PROMISED = {
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "maxmemory-policy": "noeviction",
}


class Watch:
    """`degraded` names the server's settings that keep less than the promise; None while that is unknown."""

    def __init__(self, redis: Redis, batchers: Sequence[Batcher], settings: Settings) -> None:
        self._redis = redis
        self._batchers = batchers
        self._share = settings.memory_share
        self.degraded: list[str] | None = None

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(SECONDS)

    async def look(self) -> None:
        try:
            memory = await self._redis.info("memory")
            self._set_full(memory["maxmemory"] > 0 and memory["used_memory"] >= self._share * memory["maxmemory"])
            config = await self._redis.config_get(*PROMISED)
        except RedisError:
            return  # the requests themselves say so
        found = {_text(name): _text(value) for name, value in config.items()}
        degraded = [f"{name} {found.get(name)}" for name, value in PROMISED.items() if found.get(name) != value]
        if degraded != (self.degraded or []):
            log.warning("Durability differs from the promise", extra={"action": "durability", "degraded": degraded})
        self.degraded = degraded

    def _set_full(self, full: bool) -> None:
        for batcher in self._batchers:
            if batcher.memory_full != full:
                batcher.memory_full = full
                log.warning("Redis is nearly full" if full else "Redis has room again", extra={"action": "memory"})


def _text(value: bytes | str | None) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
