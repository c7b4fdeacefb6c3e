"""`modepulse simulate --to-postgres`: backfills the archive with the history of some days, as the archiver writes it.

The history was never in Redis. It has a partition number of its own, which healing and rebuilding skip, and all its
players have left at its end, so the live counters stay as they are. It is written in one transaction.
"""

import math
import random
import time
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from app.contract.log import Entry, StreamId, format_entry, format_line
from app.contract.outcome import EventKind
from app.contract.postgres import Connection
from app.contract.sql import load_sql
from app.contract.token import new_token
from archiver import batches, retention
from archiver.counter_deltas import Column, MinuteDeltas, unnest_args
from archiver.postgres import connect, migrate
from modepulse.progress import progress
from modepulse.simulate import Event, World

PARTITION = -1
BATCH_EVENTS = 30_000
MINUTE_FIELDS = 4
MINUTE_SECONDS = 60
DAY_SECONDS = 86_400
ANALYZE = load_sql("modepulse", "analyze")
# What each event adds to its counter. Others are not logged.
DELTAS = {EventKind.LOGIN: 1, EventKind.LOGOUT: -1, EventKind.EXPIRE: -1}


async def backfill(dsn: str, world: World, events: int, days_back: int) -> int:
    """Writes about `events` events of the last `days_back` days; returns how many. Raises PostgresError, OSError."""
    connection = await connect(dsn, patient=True)
    try:
        await migrate(connection)
        end = int(time.time()) // MINUTE_SECONDS * MINUTE_SECONDS
        start = end - days_back * DAY_SECONDS
        return await write_history(connection, start, _batches(world, start, end, events), events)
    finally:
        connection.terminate()


async def write_history(connection: Connection, start: int, history: Iterable[list[Entry]], expected: int) -> int:
    """Stores the entries of a history from `start` (seconds) until now, in batches; returns the number of its events.

    It is in the order of time and ends with nobody playing; `expected` is about how many events it has. Raises
    PostgresError, OSError.
    """
    await retention.create_partitions(
        connection, datetime.fromtimestamp(start, UTC).date(), retention.today() + timedelta(days=1)
    )
    written = 0
    deltas = DeltaBuffer()
    with progress() as bar:
        async with connection.transaction():
            task = bar.add_task("events", total=expected)
            for batch in history:
                copied = await batches.copy_binary(connection, PARTITION, batch)
                deltas.add(copied.deltas)
                written += copied.heads.total()
                bar.update(task, completed=written, total=max(expected, written))
            task = bar.add_task("minutes", total=deltas.minutes)
            for sums, minutes in deltas.columns():
                await batches.add_counts(connection, sums, minutes)
                bar.advance(task, len(minutes[0]))
        # Not the days to come: they would be planned as the empty tables they are now, also once they have filled.
        filled = [
            row["name"] for row in await connection.fetch(retention.DAY_PARTITIONS) if row["day"] <= retention.today()
        ]
        await connection.execute(ANALYZE.format(days=", ".join(filled)))
    return written


class DeltaBuffer:
    """The minute deltas of the whole history, 32 bytes each, to be written counter by counter.

    If they were written batch by batch, each would shift all later minutes that another history has written.
    """

    def __init__(self) -> None:
        # (area, mode) -> minute and its three changes, one after the other
        self._minutes: defaultdict[tuple[bytes, bytes], array[int]] = defaultdict(lambda: array("q"))
        self.minutes = 0

    def add(self, changes: MinuteDeltas) -> None:
        """Adds the deltas of minutes none of which was added before to the same counter."""
        for (area, mode, minute), change in changes.items():
            self._minutes[area, mode].extend((minute, *change))
        self.minutes += len(changes)

    def columns(self) -> Iterator[tuple[list[Column], list[Column]]]:
        """Yields what archiver.counter_deltas.unnest_args returns, for some counters at a time."""
        some: MinuteDeltas = {}
        for (area, mode), numbers in sorted(self._minutes.items()):
            for index in range(0, len(numbers), MINUTE_FIELDS):
                minute, *change = numbers[index : index + MINUTE_FIELDS]
                some[area, mode, minute] = change
            if len(some) >= BATCH_EVENTS:
                yield unnest_args(some)
                some = {}
        if some:
            yield unnest_args(some)


def _batches(world: World, start: int, end: int, events: int) -> Iterator[list[Entry]]:
    """The log of the times from `start` to `end` (seconds), with an entry for each second that has events."""
    chance = random.Random(world.seed)
    minutes = (end - start) // MINUTE_SECONDS
    batch: list[Entry] = []
    size, due = 0, 0.0
    for minute in range(start, end, MINUTE_SECONDS):
        # Evenings are busier than mornings: up and down by 60% in the course of a day.
        due += events / minutes * (1 - 0.6 * math.cos((minute % DAY_SECONDS / DAY_SECONDS - 0.2) * math.tau))
        timed = [(0, event) for event in world.expired(minute)]
        due -= len(timed)
        for offset in sorted(chance.randrange(59_000_000) for _ in range(max(0, math.ceil(due)))):
            if due > 0:
                logged = [(offset, event) for event in world.events(1, minute) if event["events_name"] in DELTAS]
                timed += logged
                due -= len(logged)
        if minute + MINUTE_SECONDS >= end:
            timed += [(59_000_000, event) for event in world.end(minute)]
        batch += entries_of(minute, timed)
        size += len(timed)
        if size >= BATCH_EVENTS:
            yield batch
            batch, size = [], 0
    yield batch


def entries_of(minute: int, timed: Iterable[tuple[int, Event]]) -> Iterator[Entry]:
    """The log of one minute (seconds since 1970): an entry for each second. Offsets are in microseconds, ascending."""
    of_second: dict[int, list[str]] = {}
    for offset, event in timed:
        second, rest = divmod(offset, 1_000_000)
        of_second.setdefault(second, []).append(_line(event, rest))
    for second, lines in of_second.items():
        at = minute + second
        yield Entry(StreamId(at * 1000, 0), format_entry(new_token(at * 1000), at * 1_000_000, lines))


def _line(event: Event, offset_us: int) -> str:
    kind = EventKind(event["events_name"])
    return format_line(
        kind, DELTAS[kind], event["area_code"], event["multiplayer_mode"], event["user_id"], f"+{offset_us}"
    )
