"""Compares what must be equal: counters, sessions, the sums of the log's deltas, and Postgres at that position.

What GET /stats shows = area_mode_events_agg = the sum of the deltas in area_mode_events = the newest minutes.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from app.contract.area_mode import join_area_mode, split_area_mode
from app.contract.keys import keys_of, partition_of
from app.contract.log import LOG_START, StreamId, decode, parse_stream_id
from app.settings import Settings
from archiver import batches, stream
from lua import snapshot

WAIT_SECONDS = 30
Counts = dict[str, int]


AGGREGATE = "SELECT area_code, multiplayer_mode, current_count AS count FROM area_mode_events_agg"
EVENTS = "SELECT area_code, multiplayer_mode, sum(delta)::bigint AS count FROM area_mode_events GROUP BY 1, 2"
DROPPED = "SELECT area_code, multiplayer_mode, delta AS count FROM area_mode_events_dropped"
NEWEST_MINUTES = """
    SELECT area_code, multiplayer_mode, last AS count
    FROM area_mode_events_agg CROSS JOIN LATERAL (
        SELECT last FROM area_mode_minutes AS m
        WHERE m.area_code = area_mode_events_agg.area_code
            AND m.multiplayer_mode = area_mode_events_agg.multiplayer_mode
        ORDER BY minute DESC LIMIT 1
    ) AS newest
"""


class NotSettled(Exception):
    """Nothing to compare yet: the partition is closed or being healed."""


@dataclass
class Verdict:
    """A line for each difference, none when all is well; and players, as each place counts them."""

    differences: list[str] = field(default_factory=list)
    live: int = 0
    aggregate: int = 0
    deltas: int = 0


async def verify(settings: Settings, redis: Redis) -> Verdict:
    """Raises NotSettled, RedisError, PostgresError."""
    postgres = await batches.connect(settings.postgres_dsn, patient=True)
    verdict = Verdict()
    try:
        for partition in range(settings.partitions):
            await _verify(settings, redis, postgres, partition, verdict)
    finally:
        postgres.terminate()
    return verdict


async def _verify(settings: Settings, redis: Redis, postgres: Any, partition: int, verdict: Verdict) -> None:
    await _settled(redis, postgres, partition)
    keys = keys_of(partition)
    epoch, last, counters, sessions = await snapshot(redis, [keys.epoch, keys.events, keys.areas], [])
    position = parse_stream_id(last)
    live = _pairs(counters)
    async with postgres.transaction(isolation="repeatable_read", readonly=True):
        checkpoint = await batches.read_checkpoint(postgres, partition)
        if checkpoint is None or checkpoint.epoch != epoch.decode():
            raise NotSettled(f"partition {partition}: Redis and Postgres do not belong together")
        archived = await _archived(settings, postgres, partition)
        aggregate = await _counts(settings, postgres, partition, AGGREGATE)
        minutes = await _counts(settings, postgres, partition, NEWEST_MINUTES)
        later = await _later(postgres, partition, position)
        waiting = await _waiting(redis, postgres, partition, checkpoint.last, position)
    at_position = Counter(archived)
    at_position.subtract(later)
    at_position.update(waiting)
    verdict.live += sum(live.values())
    verdict.aggregate += sum(aggregate.values())
    verdict.deltas += sum(archived.values())
    verdict.differences += [
        *_differences(partition, "counters", live, "active sessions", _pairs(sessions)),
        *_differences(partition, "counters", live, "sum of deltas in Postgres and log", at_position),
        *_differences(partition, "area_mode_events_agg", aggregate, "sum of deltas in area_mode_events", archived),
        *_differences(partition, "area_mode_events_agg", aggregate, "newest of area_mode_minutes", minutes),
    ]


async def _settled(redis: Redis, postgres: Any, partition: int) -> None:
    """Waits until the archive has no healing before it and knows this Redis process."""
    for _ in range(WAIT_SECONDS * 10):
        seen = await stream.read(redis, partition, LOG_START, 1)
        checkpoint = await batches.read_checkpoint(postgres, partition)
        if checkpoint and seen.epoch == checkpoint.epoch and not checkpoint.healing:
            known = (checkpoint.run_id, checkpoint.replid) == (seen.run_id, seen.replid)
            if known or not seen.length:
                return
        await asyncio.sleep(0.1)
    raise NotSettled(f"partition {partition}: not open, being healed, or no archiver runs")


async def _archived(settings: Settings, postgres: Any, partition: int) -> Counts:
    """The sums of all deltas: those of the events and those of days that were dropped."""
    counts = Counter(await _counts(settings, postgres, partition, EVENTS))
    counts.update(await _counts(settings, postgres, partition, DROPPED))
    return counts


async def _counts(settings: Settings, postgres: Any, partition: int, query: str) -> Counts:
    rows = await postgres.fetch(query)
    return _by_area_mode(row for row in rows if partition_of(row["area_code"], settings.partitions) == partition)


async def _later(postgres: Any, partition: int, position: StreamId) -> Counts:
    """What was archived from behind the snapshot's position."""
    rows = await postgres.fetch(
        "SELECT area_code, multiplayer_mode, sum(delta)::bigint AS count FROM area_mode_events"
        " WHERE partition = $1 AND (stream_ms, stream_seq) > ($2, $3) GROUP BY 1, 2",
        partition,
        *position,
    )
    return _by_area_mode(rows)


async def _waiting(redis: Redis, postgres: Any, partition: int, after: StreamId, position: StreamId) -> Counts:
    """What the log holds up to the position and Postgres does not: not yet archived."""
    counts: Counter[str] = Counter()
    async for entries in stream.pages(redis, partition, after):
        rows, _ = decode(partition, [entry for entry in entries if entry.id <= position])
        known = await postgres.fetch(
            "SELECT event_id FROM area_mode_events WHERE event_id = ANY ($1::uuid[])", [row.event_id for row in rows]
        )
        stored = {row["event_id"] for row in known}
        for row in rows:
            if row.event_id not in stored:
                counts[join_area_mode(row.area_code, row.multiplayer_mode)] += row.delta
        if entries and entries[-1].id > position:
            break
    return counts


def _by_area_mode(rows: Any) -> Counts:
    return {join_area_mode(row["area_code"], row["multiplayer_mode"]): int(row["count"]) for row in rows}


def _pairs(flat: list[Any]) -> Counts:
    values = iter(flat)
    return {area_mode.decode(): int(count) for area_mode, count in zip(values, values, strict=True)}


def _differences(partition: int, left: str, lefts: Counts, right: str, rights: Counts) -> Iterator[str]:
    for area_mode in sorted(lefts.keys() | rights.keys()):
        area, mode = split_area_mode(area_mode)
        a, b = lefts.get(area_mode, 0), rights.get(area_mode, 0)
        if a != b:
            yield f"partition {partition}, area {area}, mode {mode}: {left} {a}, {right} {b}"
