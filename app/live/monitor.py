"""Looks at Redis once a second: how full it is, whether it keeps what this service promises, how the service does."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.contract.keys import ACCEPTED, keys_of
from app.live.group_commit import GroupCommit
from app.settings import Settings

log = logging.getLogger(__name__)

SECONDS = 1.0
# The events of so long make the events a second.
RATE_SECONDS = 5.0
# What an answered POST rests on; docs/reliability.md says what each means.
PROMISED = {
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "maxmemory-policy": "noeviction",
}


class LiveMetrics(NamedTuple):
    """`archive_lag_seconds` is the age of the oldest event that is not in Postgres yet, 0 when there is none."""

    events_per_second: float
    archive_lag_seconds: float


class RedisMonitor:
    """`vitals` are a second old at most while Redis answers.

    `degraded` names the server's settings that keep less than the promise; None while that is unknown.
    """

    def __init__(self, redis: Redis, group_commits: Sequence[GroupCommit], settings: Settings) -> None:
        self._redis = redis
        self._group_commits = group_commits
        self._share = settings.memory_share
        self._partitions = [keys_of(partition) for partition in range(settings.partitions)]
        self._counted = 0  # of the events that this process took: those added up in Redis
        self._accepted: deque[tuple[float, int]] = deque()  # (Redis's time, events taken until then)
        self.metrics = LiveMetrics(0.0, 0.0)
        self.degraded: list[str] | None = None

    async def run(self) -> None:
        while True:
            await self.poll()
            await asyncio.sleep(SECONDS)

    async def poll(self) -> None:
        # Without Redis the requests themselves say so. With it, CONFIG may be forbidden, or the counter have no room.
        for check in (self._check_memory, self._check_durability, self._measure):
            with suppress(RedisError):
                await check()

    async def _check_memory(self) -> None:
        memory = await self._redis.info("memory")
        full = memory["maxmemory"] > 0 and memory["used_memory"] >= self._share * memory["maxmemory"]
        for group_commit in self._group_commits:
            if group_commit.memory_full != full:
                group_commit.memory_full = full
                log.warning("Redis is nearly full" if full else "Redis has room again", extra={"action": "memory"})

    async def _check_durability(self) -> None:
        config = await self._redis.config_get(*PROMISED)
        found = {_text(name): _text(value) for name, value in config.items()}
        degraded = [f"{name} {found.get(name)}" for name, value in PROMISED.items() if found.get(name) != value]
        if degraded != (self.degraded or []):
            log.warning("Durability differs from the promise", extra={"action": "durability", "degraded": degraded})
        self.degraded = degraded

    async def _measure(self) -> None:
        counted = sum(group_commit.accepted for group_commit in self._group_commits)
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            if counted > self._counted:
                pipeline.incrby(ACCEPTED, counted - self._counted)
            else:
                pipeline.get(ACCEPTED)
            for keys in self._partitions:
                pipeline.get(keys.archived)
            (seconds, microseconds), accepted, *positions = await pipeline.execute()
            self._counted = counted
            for keys, archived in zip(self._partitions, positions, strict=True):
                pipeline.xrange(keys.events, f"({archived.decode()}" if archived else "-", count=1)
            waiting = [entries[0][0] for entries in await pipeline.execute() if entries]
        now = seconds + microseconds / 1_000_000
        oldest = min((int(entry.partition(b"-")[0]) / 1000 for entry in waiting), default=now)
        samples = self._accepted
        samples.append((now, int(accepted or 0)))
        while len(samples) > 2 and samples[1][0] <= now - RATE_SECONDS:
            samples.popleft()
        (since, before), (_, after) = samples[0], samples[-1]
        # Fewer than before: Redis came back older, or was rebuilt.
        rate = max(0, after - before) / (now - since) if now > since else 0.0
        self.metrics = LiveMetrics(round(rate, 1), round(max(0.0, now - oldest), 3))


def _text(value: bytes | str | None) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
