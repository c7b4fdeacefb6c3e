"""Compares what must be equal: counters, sessions, the sums of the log's deltas, and Postgres at that position.

What GET /stats shows = area_mode_events_agg = the sum of the deltas in area_mode_events = the newest minutes.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from app.contract.area_mode import join_area_mode, split_area_mode
from app.contract.keys import keys_of, partition_of
from app.contract.log import LOG_START, StreamId, decode, parse_stream_id
from app.contract.postgres import Connection, Record
from app.contract.sql import load_sql
from app.settings import Settings
from archiver import stream
from archiver.checkpoint import read_checkpoint
from archiver.errors import NotSettled
from archiver.postgres import connect
from lua import snapshot

WAIT_SECONDS = 30
PAUSE_SECONDS = 0.1
# "area|mode" -> players
Counts = dict[str, int]

AGGREGATE = load_sql("archiver", "aggregate")
SUM_OF_EVENTS = load_sql("archiver", "sum_of_events")
SUM_OF_DROPPED = load_sql("archiver", "sum_of_dropped")
SUM_BEHIND_POSITION = load_sql("archiver", "sum_behind_position")
NEWEST_MINUTES = load_sql("archiver", "newest_minutes")
STORED_EVENTS = load_sql("archiver", "stored_events")


@dataclass
class Verdict:
    """What was found, all partitions together."""

    differences: list[str] = field(default_factory=list)
    """One line each; empty when everything agrees."""
    live: int = 0
    """Active players according to the counters in Redis."""
    aggregate: int = 0
    """The same according to area_mode_events_agg."""
    deltas: int = 0
    """The same as the sum of all archived deltas."""


async def verify(settings: Settings, redis: Redis) -> Verdict:
    """Compares all partitions. Raises NotSettled, RedisError and Postgres's errors."""
    postgres = await connect(settings.postgres_dsn, patient=True)
    verdict = Verdict()
    try:
        for partition in range(settings.partitions):
            await _verify(settings, redis, postgres, partition, verdict)
    finally:
        postgres.terminate()
    return verdict


async def _verify(settings: Settings, redis: Redis, postgres: Connection, partition: int, verdict: Verdict) -> None:
    await _settled(redis, postgres, partition)
    keys = keys_of(partition)
    epoch, last, counters, sessions = await snapshot(redis, [keys.epoch, keys.events, keys.areas], [])
    position = parse_stream_id(last)
    live = _pairs(counters)
    async with postgres.transaction(isolation="repeatable_read", readonly=True):
        checkpoint = await read_checkpoint(postgres, partition)
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


async def _settled(redis: Redis, postgres: Connection, partition: int) -> None:
    """Waits until the partition is not being healed and its checkpoint knows this Redis process."""
    for _ in range(round(WAIT_SECONDS / PAUSE_SECONDS)):
        log = await stream.read(redis, partition, LOG_START, 1)
        checkpoint = await read_checkpoint(postgres, partition)
        if checkpoint and log.epoch == checkpoint.epoch and not checkpoint.healing:
            known = (checkpoint.run_id, checkpoint.replid) == (log.run_id, log.replid)
            if known or not log.length:
                return
        await asyncio.sleep(PAUSE_SECONDS)
    raise NotSettled(f"partition {partition}: not open, being healed, or no archiver runs")


async def _archived(settings: Settings, postgres: Connection, partition: int) -> Counts:
    """The sums of all deltas: those of the stored events and those of dropped days."""
    counts = Counter(await _counts(settings, postgres, partition, SUM_OF_EVENTS))
    counts.update(await _counts(settings, postgres, partition, SUM_OF_DROPPED))
    return counts


async def _counts(settings: Settings, postgres: Connection, partition: int, query: str) -> Counts:
    rows = await postgres.fetch(query)
    return _by_area_mode(row for row in rows if partition_of(row["area_code"], settings.partitions) == partition)


async def _later(postgres: Connection, partition: int, position: StreamId) -> Counts:
    """What was archived of the log behind the snapshot's position."""
    return _by_area_mode(await postgres.fetch(SUM_BEHIND_POSITION, partition, position.ms, position.seq))


async def _waiting(redis: Redis, postgres: Connection, partition: int, after: StreamId, position: StreamId) -> Counts:
    """What the log holds up to the position and Postgres does not yet."""
    counts: Counter[str] = Counter()
    async for entries in stream.pages(redis, partition, after):
        rows, _ = decode(partition, [entry for entry in entries if entry.id <= position])
        known = await postgres.fetch(STORED_EVENTS, [row.event_id for row in rows])
        stored = {row["event_id"] for row in known}
        for row in rows:
            if row.event_id not in stored:
                counts[join_area_mode(row.area_code, row.multiplayer_mode)] += row.delta
        if entries and entries[-1].id > position:
            break
    return counts


def _by_area_mode(rows: Iterable[Record]) -> Counts:
    return {join_area_mode(row["area_code"], row["multiplayer_mode"]): int(row["count"]) for row in rows}


def _pairs(flat: list[Any]) -> Counts:
    """Of a script's reply: area|mode, count, area|mode, count..."""
    values = iter(flat)
    return {area_mode.decode(): int(count) for area_mode, count in zip(values, values, strict=True)}


def _differences(partition: int, left: str, lefts: Counts, right: str, rights: Counts) -> Iterator[str]:
    for area_mode in sorted(lefts.keys() | rights.keys()):
        area, mode = split_area_mode(area_mode)
        a, b = lefts.get(area_mode, 0), rights.get(area_mode, 0)
        if a != b:
            yield f"partition {partition}, area {area}, mode {mode}: {left} {a}, {right} {b}"
