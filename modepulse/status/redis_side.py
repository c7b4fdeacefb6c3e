"""What Redis says: how full and durable it is, how many play, how long the log is, how much of it is not archived."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from app.contract.keys import ACCEPTED, PARTITIONS, keys_of
from app.contract.log import LOG_START, Entry, StreamId, parse_entry, parse_stream_id
from app.contract.versions import redis_server
from app.live.monitor import PROMISED

# Each API process adds what it accepted once a second: two additions are seen within this time.
RATE_SECONDS = 2.2
RATE_POLL_SECONDS = 0.1
# Areas read at a time.
# Areas read at a time.
PAGE_AREAS = 500
# Of what is not archived, read to count the events in it; if there is more, the rest is estimated by these.
LAG_ENTRIES = 200


class Position(NamedTuple):
    """How far a partition is archived. `entries_added`: how many entries its log had ever had then; 0: not known."""

    last: StreamId
    entries_added: int = 0


@dataclass
class RedisSide:
    """Bytes, seconds, and counts of all partitions together."""

    server: str
    uptime_seconds: int
    memory_bytes: int
    maxmemory_bytes: int
    """0: without limit."""
    degraded: list[str] | None
    """Settings weaker than the promise; None where the server does not say."""
    epochs: dict[int, str] = field(default_factory=dict)
    """By partition; empty for one that is closed."""
    opened: bool = False
    """Whether an archiver has ever opened it."""
    sessions: int = 0
    areas: int = 0
    log_entries: int = 0
    archived: dict[int, Position] = field(default_factory=dict)
    """What Redis was told of it; Postgres knows better."""


@dataclass
class Lag:
    """What is in the log and not in Postgres; without `exact` the events are estimated."""

    events: int = 0
    seconds: float = 0.0
    exact: bool = True


async def read_redis(redis: Redis, partitions: int) -> RedisSide:
    """`partitions`: what is taken for their number while Redis does not know. Raises RedisError."""
    info: Any = await redis.info()
    side = RedisSide(
        server=redis_server(info),
        uptime_seconds=info.get("uptime_in_seconds", 0),
        memory_bytes=info.get("used_memory", 0),
        maxmemory_bytes=info.get("maxmemory", 0),
        degraded=await _degraded(redis),
    )
    for partition in range(await partition_count(redis, partitions)):
        keys = keys_of(partition)
        epoch: Any = await redis.get(keys.epoch)
        archived: Any = await redis.get(keys.archived)
        side.epochs[partition] = (epoch or b"").decode()
        side.archived[partition] = Position(parse_stream_id(archived) if archived else LOG_START)
        side.log_entries += await redis.xlen(keys.events)
        await _count_players(redis, partition, side)
    side.opened = await redis.get(PARTITIONS) is not None
    return side


async def partition_count(redis: Redis, otherwise: int) -> int:
    """With how many partitions this Redis was opened. Raises RedisError."""
    stored: Any = await redis.get(PARTITIONS)
    return int(stored) if stored else otherwise


async def _degraded(redis: Redis) -> list[str] | None:
    try:
        config: Any = await redis.config_get(*PROMISED)
    except ResponseError:  # a managed Redis may forbid it
        return None
    found = {_text(name): _text(value) for name, value in config.items()}
    return [f"{name} {found.get(name)}" for name, value in PROMISED.items() if found.get(name) != value]


async def _count_players(redis: Redis, partition: int, side: RedisSide) -> None:
    # Not from the totals: those stand still with the archiver.
    keys = keys_of(partition)
    cursor: Any = 0
    while True:
        areas: Any
        cursor, areas = await redis.sscan(keys.areas, cursor, count=PAGE_AREAS)
        async with redis.pipeline(transaction=False) as pipeline:
            for area in areas:
                pipeline.zrange(keys.area(_text(area)), 0, -1, withscores=True)
            counters = await pipeline.execute()
        side.sessions += sum(int(count) for modes in counters for _, count in modes)
        side.areas += sum(bool(modes) for modes in counters)
        if not cursor:
            return


async def events_per_second(redis: Redis) -> float:
    """Of all API processes, over the last moments: takes RATE_SECONDS. Raises RedisError."""
    start = time.monotonic()
    seen = [(start, await _accepted(redis))]
    while (now := time.monotonic()) < start + RATE_SECONDS:
        accepted = await _accepted(redis)
        if accepted != seen[-1][1]:
            seen.append((now, accepted))
        await asyncio.sleep(RATE_POLL_SECONDS)
    # From one addition to another; where there was one only, from the start.
    (first, low), (last, high) = seen[1] if len(seen) > 2 else seen[0], seen[-1]
    # Fewer than before: Redis came back older, or was rebuilt.
    return round(max(0, high - low) / (last - first if len(seen) > 2 else RATE_SECONDS), 1)


async def read_lag(redis: Redis, positions: Mapping[int, Position]) -> Lag:
    """`positions`: of each partition. Raises RedisError."""
    lag = Lag()
    seconds, _ = await redis.time()
    for partition, position in positions.items():
        events = keys_of(partition).events
        found: Any = await redis.xrange(events, f"({position.last}", count=LAG_ENTRIES)
        if not found:
            continue
        entries = entries_of(found)
        lag.seconds = max(lag.seconds, round(max(0.0, seconds - entries[0].id.ms / 1000), 1))
        counted = sum(map(_events_in, entries))
        lag.events += counted
        if len(entries) == LAG_ENTRIES:
            more = max(0, await _entries_behind(redis, events, position) - len(entries))
            lag.events += round(counted / len(entries) * more)
            lag.exact = False
    return lag


async def _entries_behind(redis: Redis, events: str, position: Position) -> int:
    """How many entries of the log are behind a position: counted by Postgres, or else estimated by their times."""
    state: Any = await redis.xinfo_stream(events)
    if position.entries_added:
        added: int = state["entries-added"] - position.entries_added
        return added
    first, last = (parse_stream_id(state[end][0]).ms for end in ("first-entry", "last-entry"))
    share = (last - max(first, position.last.ms)) / (last - first) if last > first else 1
    length: int = state["length"]
    return round(length * share)


def entries_of(found: Any) -> list[Entry]:
    """What XRANGE or XREVRANGE returned."""
    return [Entry(parse_stream_id(at), list(chain.from_iterable(fields.items()))) for at, fields in found]


def _events_in(entry: Entry) -> int:
    try:
        return sum(1 for line in parse_entry(entry).lines if line)
    except (ValueError, KeyError):
        return 0


async def _accepted(redis: Redis) -> int:
    accepted: Any = await redis.get(ACCEPTED)
    return int(accepted or 0)


def _text(value: bytes | str | None) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
