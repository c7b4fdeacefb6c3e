"""Compares what must be equal: counters, sessions, totals, the sums of the log's deltas, and Postgres at that position.

What GET /stats shows = area_mode_events_agg = the sum of the deltas in area_mode_events = the newest minutes.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from redis.asyncio import Redis

from app.contract.area_mode import split_area_mode
from app.contract.log import LOG_START
from app.contract.postgres import Connection
from app.settings import Settings
from archiver import stream
from archiver.archived_state import ArchivedState, ArchiveReader
from archiver.checkpoint import Checkpoint, read_checkpoint
from archiver.errors import Disturbed, NotSettled
from archiver.live_state import Counts, LiveState, read_live_state
from archiver.live_totals import read_totals, totals_of
from archiver.postgres import connect
from archiver.snapshot import Snapshot

WAIT_SECONDS = 30
PAUSE_SECONDS = 0.1
TRIES = 5


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
    waiting: int = 0
    """Events on their way: in the log and not in Postgres."""
    wheel_read: bool = True
    """Whether the timer wheel was compared too: it stood still for long enough."""

    def add(self, partition: int, live: LiveState, totals: Counts, archived: ArchivedState) -> None:
        """Compares one partition's stores."""
        self.live += sum(live.counters.values())
        self.aggregate += sum(archived.aggregate.values())
        self.deltas += sum(archived.deltas.values())
        self.waiting += archived.waiting
        aggregate = "area_mode_events_agg"
        compared = [
            ("counters", live.counters, "active sessions", live.sessions),
            ("counters", live.counters, "sum of deltas in Postgres and log", archived.at_moment),
            ("total of players", totals, "sum of counters", totals_of(live.counters)),
            (aggregate, archived.aggregate, "sum of deltas in area_mode_events", archived.deltas),
            (aggregate, archived.aggregate, "newest of area_mode_minutes", archived.minutes),
        ]
        if live.on_wheel is None:
            self.wheel_read = False
        else:
            compared.append(("active sessions", live.sessions, "of them on the timer wheel", live.on_wheel))
        for names_and_counts in compared:
            self.differences += _differences(partition, *names_and_counts)


def _silent(_: int) -> None:
    pass


async def verify(settings: Settings, redis: Redis, progress: Callable[[int], None] = _silent) -> Verdict:
    """Compares all partitions; calls `progress` with the number of sessions of the partition that were read so far.

    Raises NotSettled, RedisError and Postgres's errors.
    """
    postgres = await connect(settings.postgres_dsn, patient=True)
    verdict = Verdict()
    try:
        for partition in range(settings.partitions):
            reader = ArchiveReader(redis, postgres, partition, settings.partitions)
            verdict.add(partition, *await _read(redis, postgres, partition, reader, progress))
    finally:
        postgres.terminate()
    return verdict


async def _read(
    redis: Redis, postgres: Connection, partition: int, reader: ArchiveReader, progress: Callable[[int], None]
) -> tuple[LiveState, Counts, ArchivedState]:
    """Counters, totals and archive of a partition, at one moment."""
    for _ in range(TRIES):
        checkpoint, log = await _settled(redis, postgres, partition)
        try:
            live = await read_live_state(redis, partition, log, progress)
            totals = await read_totals(redis, partition, live)
            return live, totals, await reader.read(checkpoint, log, live.position)
        except Disturbed as error:
            reason = error
    raise NotSettled(f"partition {partition}: {reason}, {TRIES} times")


async def _settled(redis: Redis, postgres: Connection, partition: int) -> tuple[Checkpoint, Snapshot]:
    """Waits until the partition is not being healed and its checkpoint knows this Redis process; returns both."""
    for _ in range(round(WAIT_SECONDS / PAUSE_SECONDS)):
        log = await stream.read(redis, partition, LOG_START, 1)
        checkpoint = await read_checkpoint(postgres, partition)
        if checkpoint and log.epoch == checkpoint.epoch and not checkpoint.healing:
            known = (checkpoint.run_id, checkpoint.replid) == (log.run_id, log.replid)
            if known or not log.length:
                return checkpoint, log
        await asyncio.sleep(PAUSE_SECONDS)
    raise NotSettled(f"partition {partition}: not open, being healed, or no archiver runs")


def _differences(partition: int, left: str, lefts: Counts, right: str, rights: Counts) -> Iterator[str]:
    for name in sorted(lefts.keys() | rights.keys()):
        a, b = lefts.get(name, 0), rights.get(name, 0)
        if a != b:
            yield f"partition {partition}, {_place(name)}: {left} {a}, {right} {b}"


def _place(name: str) -> str:
    """Of an "area|mode", or a name of totals_of(), which has no bar."""
    if "|" not in name:
        return name
    area, mode = split_area_mode(name)
    return f"area {area}, mode {mode}"
