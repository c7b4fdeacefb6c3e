"""The counters of a partition as Postgres has them, and as they were at a moment of the log."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from redis.asyncio import Redis

from app.contract.area_mode import join_area_mode
from app.contract.keys import partition_of
from app.contract.log import LOG_START, StreamId, decode
from app.contract.postgres import Connection, Record
from app.contract.sql import load_sql
from archiver import stream
from archiver.checkpoint import Checkpoint, read_checkpoint
from archiver.errors import Disturbed
from archiver.live_state import Counts
from archiver.snapshot import Snapshot

TRIES = 20

AGGREGATE = load_sql("archiver", "aggregate")
LOCK_EVENTS = load_sql("archiver", "lock_events")
SUM_OF_EVENTS = load_sql("archiver", "sum_of_events")
SUM_OF_DROPPED = load_sql("archiver", "sum_of_dropped")
SUM_BEHIND_POSITION = load_sql("archiver", "sum_behind_position")
NEWEST_MINUTES = load_sql("archiver", "newest_minutes")
STORED_EVENTS = load_sql("archiver", "stored_events")


@dataclass(frozen=True)
class ArchivedState:
    """What Postgres holds, all as one transaction sees it."""

    deltas: Counts
    """The sums of all deltas: those of the stored events and those of dropped days."""
    aggregate: Counts
    minutes: Counts
    """What the newest minutes end with."""
    at_moment: Counts
    """The sums of the deltas up to the moment in the log, be they stored or not."""
    waiting: int
    """Events of the log up to the moment that are not stored."""


class ArchiveReader:
    """Reads one partition's part of the archive. Its methods raise RedisError and Postgres's errors."""

    def __init__(self, redis: Redis, postgres: Connection, partition: int, partitions: int) -> None:
        self._redis = redis
        self._postgres = postgres
        self._partition = partition
        self._partitions = partitions

    async def read(self, opened: Checkpoint, log: Snapshot, moment: StreamId) -> ArchivedState:
        """Reads it. Raises Disturbed when the checkpoint is no longer `opened` moved on, or the log is another."""
        for _ in range(TRIES):
            first = await self._first_entry(log)
            async with self._postgres.transaction(isolation="repeatable_read", readonly=True):
                await self._postgres.execute(LOCK_EVENTS)
                checkpoint = await read_checkpoint(self._postgres, self._partition)
                if checkpoint is None or (checkpoint.epoch, checkpoint.generation) != (opened.epoch, opened.generation):
                    raise Disturbed("the partition was rebuilt or healed")
                counts, waiting = await self._waiting(checkpoint.last, moment)
                # What was trimmed before the transaction is stored for it; what was trimmed since may be neither
                # stored for it nor read from the log.
                if await self._first_entry(log) <= max(first, checkpoint.last) or checkpoint.last >= moment:
                    return await self._read(moment, counts, waiting)
        raise Disturbed("the log was trimmed each time that its end was read")

    async def _first_entry(self, log: Snapshot) -> StreamId:
        now = await stream.read(self._redis, self._partition, LOG_START, 1)
        if now.identity != log.identity:
            raise Disturbed("Redis was restarted or rebuilt")
        return now.entries[0].id if now.entries else LOG_START

    async def _waiting(self, after: StreamId, moment: StreamId) -> tuple[Counter[str], int]:
        """What the log has up to the moment and Postgres has not: changes of the counters, and how many events."""
        counts: Counter[str] = Counter()
        events = 0
        if after >= moment:
            return counts, events
        async for entries in stream.pages(self._redis, self._partition, after):
            rows, _ = decode(self._partition, [entry for entry in entries if entry.id <= moment])
            known = await self._postgres.fetch(STORED_EVENTS, [row.event_id for row in rows])
            stored = {row["event_id"] for row in known}
            for row in rows:
                if row.event_id not in stored:
                    counts[join_area_mode(row.area_code, row.multiplayer_mode)] += row.delta
                    events += 1
            if entries and entries[-1].id >= moment:
                break
        return counts, events

    async def _read(self, moment: StreamId, waiting_counts: Counter[str], waiting: int) -> ArchivedState:
        deltas = Counter(await self._counts(SUM_OF_EVENTS))
        deltas.update(await self._counts(SUM_OF_DROPPED))
        at_moment = Counter(deltas)
        at_moment.update(waiting_counts)
        at_moment.subtract(_by_area_mode(await self._postgres.fetch(SUM_BEHIND_POSITION, self._partition, *moment)))
        aggregate, minutes = await self._counts(AGGREGATE), await self._counts(NEWEST_MINUTES)
        return ArchivedState(deltas, aggregate, minutes, at_moment, waiting)

    async def _counts(self, query: str) -> Counts:
        rows = await self._postgres.fetch(query)
        return _by_area_mode(row for row in rows if partition_of(row["area_code"], self._partitions) == self._partition)


def _by_area_mode(rows: Iterable[Record]) -> Counts:
    return {join_area_mode(row["area_code"], row["multiplayer_mode"]): int(row["count"]) for row in rows}
