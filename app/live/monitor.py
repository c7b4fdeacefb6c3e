"""Polls Redis once a second: how full it is, how durable, and how much the service has to do."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.contract.keys import ACCEPTED, keys_of
from app.contract.log import parse_stream_id
from app.contract.versions import redis_server
from app.live.counters import LiveCounters
from app.live.group_commit import GroupCommit
from app.live.secret import SharedSecret
from app.settings import Settings

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
# Window of the events-per-second rate.
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
    """`metrics` are at most a second old while Redis answers.

    `degraded` lists the server's settings that are weaker than the promise; None while they are unknown.
    """

    def __init__(
        self,
        redis: Redis,
        counters: LiveCounters,
        group_commits: Sequence[GroupCommit],
        secret: SharedSecret,
        settings: Settings,
    ) -> None:
        self._redis = redis
        self._counters = counters
        self._group_commits = group_commits
        self._secret = secret
        self._memory_share = settings.memory_share
        self._partitions = [keys_of(partition) for partition in range(settings.partitions)]
        self._added = 0  # of the events accepted by this process, those added to ACCEPTED
        self._accepted: deque[tuple[float, int]] = deque()  # (Redis's time in seconds, ACCEPTED then)
        self._failing: set[str] = set()
        self.metrics = LiveMetrics(0.0, 0.0)
        self.degraded: list[str] | None = None

    @property
    def durability(self) -> str:
        """Of what is answered: full, degraded, or unknown while Redis does not say."""
        return "unknown" if self.degraded is None else "degraded" if self.degraded else "full"

    async def server(self) -> str | None:
        """Name and version of the server; None when it does not say."""
        try:
            return redis_server(await self._redis.info("server"))
        except RedisError:
            return None

    async def run(self) -> None:
        """Polls until it is cancelled. Raises SettingsMismatch."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self.poll()

    async def poll(self) -> None:
        """Makes every check; one that fails keeps none of the others from being made. Raises SettingsMismatch."""
        # Checked at the start too, when Redis may have been out of reach.
        await self._counters.closed_reason()
        for check in (self._secret.load, self._check_memory, self._check_durability, self._measure):
            try:
                await check()
            except RedisError:
                # Without Redis the requests themselves say so. With it, CONFIG may be forbidden, or the counter may
                # find no memory.
                pass
            except Exception:
                if check.__name__ not in self._failing:
                    log.exception("A check of Redis fails", extra={"action": "monitor", "check": check.__name__})
                self._failing.add(check.__name__)
            else:
                self._failing.discard(check.__name__)

    async def _check_memory(self) -> None:
        memory = await self._redis.info("memory")
        # A managed Redis may hide either; without them the script's own refusal remains.
        used, most = memory.get("used_memory", 0), memory.get("maxmemory", 0)
        full = most > 0 and used >= self._memory_share * most
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
        accepted_here = sum(group_commit.accepted for group_commit in self._group_commits)
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            if accepted_here > self._added:
                pipeline.incrby(ACCEPTED, accepted_here - self._added)
            else:
                pipeline.get(ACCEPTED)
            for keys in self._partitions:
                pipeline.get(keys.archived)
            (seconds, microseconds), accepted, *positions = await pipeline.execute()
            self._added = accepted_here
            for keys, archived in zip(self._partitions, positions, strict=True):
                pipeline.xrange(keys.events, f"({archived.decode()}" if archived else "-", count=1)
            waiting = [entries[0][0] for entries in await pipeline.execute() if entries]
        now = seconds + microseconds / 1_000_000
        oldest = min((parse_stream_id(at).ms / 1000 for at in waiting), default=now)
        self.metrics = LiveMetrics(self._rate(now, int(accepted or 0)), round(max(0.0, now - oldest), 3))

    def _rate(self, now: float, accepted: int) -> float:
        """Events a second over the last RATE_SECONDS."""
        samples = self._accepted
        samples.append((now, accepted))
        while len(samples) > 2 and samples[1][0] <= now - RATE_SECONDS:
            samples.popleft()
        since, before = samples[0]
        # Fewer than before: Redis came back older, or was rebuilt.
        return round(max(0, accepted - before) / (now - since), 1) if now > since else 0.0


def _text(value: bytes | str | None) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
