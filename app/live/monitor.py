"""Polls Redis once a second: how full it is, how durable, and how much the service has to do."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from app.contract.keys import ACCEPTED, keys_of
from app.contract.log import LOG_START, parse_stream_id
from app.contract.versions import redis_server
from app.exposition.histogram import Histogram
from app.live.backlog import PEEK_ENTRIES, Backlog, Mark
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


class Memory(NamedTuple):
    """Of Redis, in bytes. `most` is 0 where there is no limit, or the server hides it."""

    used: int
    most: int


class Logs(NamedTuple):
    """Of all partitions together. `waiting` are the events that are not in Postgres yet, as Backlog counts them."""

    entries: int
    waiting: int


class RedisMonitor:
    """`metrics` are at most a second old while Redis answers.

    `degraded` lists the server's settings that are weaker than the promise; None while they are unknown. `closed` is
    the code of why events cannot be taken, None when they can. `round_trips` are those of one small pipeline a poll.
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
        self._backlogs = [Backlog() for _ in self._partitions]
        self.metrics = LiveMetrics(0.0, 0.0)
        self.degraded: list[str] | None = None
        self.closed: str | None = None
        self.memory = Memory(0, 0)
        self.logs = Logs(0, 0)
        self.round_trips = Histogram()
        self._checks = (
            *(self._secret.load, self._check_memory, self._check_durability),
            *(self._count_accepted, self._measure_logs),
        )

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
        start = perf_counter()
        self.closed = await self._counters.closed_reason()
        if self.closed != "redis_unavailable":
            self.round_trips.observe(perf_counter() - start)
        for check in self._checks:
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
        self.memory = Memory(used, most)
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

    async def _count_accepted(self) -> None:
        accepted_here = sum(group_commit.accepted for group_commit in self._group_commits)
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            if accepted_here > self._added:
                pipeline.incrby(ACCEPTED, accepted_here - self._added)
            else:
                pipeline.get(ACCEPTED)
            now, accepted = await pipeline.execute()
        self._added = accepted_here
        self.metrics = self.metrics._replace(events_per_second=self._rate(_seconds(now), int(accepted or 0)))

    async def _measure_logs(self) -> None:
        """Beside the counting of events, which a full Redis refuses."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            for keys in self._partitions:
                pipeline.get(keys.archived)
            now, *positions = await pipeline.execute()
            archived = [parse_stream_id(at) if at else LOG_START for at in positions]
            for keys, position in zip(self._partitions, archived, strict=True):
                pipeline.execute_command("XINFO", "STREAM", keys.events)
                pipeline.xrange(keys.events, f"({position}", count=PEEK_ENTRIES)
            replies = await pipeline.execute(raise_on_error=False)
        oldest, length, waiting = _seconds(now), 0, 0
        for index, (info, entries) in enumerate(zip(replies[::2], replies[1::2], strict=True)):
            if isinstance(info, ResponseError) and "no such key" in str(info):
                continue
            for reply in (info, entries):
                if isinstance(reply, Exception):
                    raise reply
            log_ = dict(zip(info[::2], info[1::2], strict=True))
            mark = Mark(parse_stream_id(log_[b"last-generated-id"]), log_[b"entries-added"])
            length += log_[b"length"]
            waiting += self._backlogs[index].events(mark, archived[index], [_events_of(entry) for _, entry in entries])
            if entries:
                oldest = min(oldest, parse_stream_id(entries[0][0]).ms / 1000)
        self.logs = Logs(length, waiting)
        self.metrics = self.metrics._replace(archive_lag_seconds=round(_seconds(now) - oldest, 3))

    def _rate(self, now: float, accepted: int) -> float:
        """Events a second over the last RATE_SECONDS."""
        samples = self._accepted
        samples.append((now, accepted))
        while len(samples) > 2 and samples[1][0] <= now - RATE_SECONDS:
            samples.popleft()
        since, before = samples[0]
        # Fewer than before: Redis came back older, or was rebuilt.
        return round(max(0, accepted - before) / (now - since), 1) if now > since else 0.0


def _seconds(time: tuple[int, int]) -> float:
    """Since 1970, of TIME's reply."""
    return time[0] + time[1] / 1_000_000


def _events_of(fields: dict[bytes, bytes]) -> int:
    """Of a log entry: its lines that are not empty."""
    return sum(map(bool, fields.get(b"events", b"").split(b"\n")))


def _text(value: bytes | str | None) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
