"""`modepulse simulate --to-postgres`: a history of some days, written into the archive as the archiver writes it.

It never was in Redis: it stands in a partition of its own, which healing and rebuilding do not look at, and everybody
has left at its end, so that all counters stay what they are. It is one transaction: there or not.
"""

import math
import random
import time
from array import array
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from app.contract.log import Entry, StreamId, format_entry, format_line
from app.contract.outcome import EventKind
from app.contract.token import new_token
from archiver import batches, retention
from archiver.counter_deltas import Column, MinuteDeltas, unnest_args
from archiver.postgres import connect, migrate
from modepulse.progress import progress
from modepulse.simulate import Event, World

PARTITION = -1
BATCH_EVENTS = 30_000
MINUTE = 60
DAY = 86_400
# What each event adds to its counter; heartbeats that refresh are not logged.
DELTAS = {EventKind.LOGIN: 1, EventKind.LOGOUT: -1, EventKind.EXPIRE: -1}


async def backfill(dsn: str, world: World, events: int, days_back: int) -> int:
    """Returns how many events were written: about `events`. Raises PostgresError."""
    connection = await connect(dsn, patient=True)
    try:
        await migrate(connection)
        end = int(time.time()) // MINUTE * MINUTE
        start = end - days_back * DAY
        await retention.create_partitions(
            connection, datetime.fromtimestamp(start, UTC).date(), retention.today() + timedelta(days=1)
        )
        written = 0
        counters = Counters()
        with progress() as bar:
            async with connection.transaction():
                task = bar.add_task("events", total=events)
                for batch in _batches(world, start, end, events):
                    count, changes = await batches.copy_binary(connection, PARTITION, batch)
                    counters.add(changes)
                    written += count
                    bar.update(task, completed=written, total=max(events, written))
                task = bar.add_task("minutes", total=counters.minutes)
                for deltas, minutes in counters.columns():
                    await batches.add_counts(connection, deltas, minutes)
                    bar.advance(task, len(minutes[0]))
            # Not of the days to come: what is known to be empty is read as a whole, also when it is no longer.
            days = await connection.fetch(retention.DAY_PARTITIONS)
            filled = [row["name"] for row in days if row["day"] <= retention.today()]
            await connection.execute(f"ANALYZE {', '.join(filled)}, area_mode_minutes")
        return written
    finally:
        connection.terminate()


class Counters:
    """The minutes of all counters, 32 bytes each. They are written counter by counter: were they written as they come,
    each batch would shift all the minutes that another history has behind it."""

    def __init__(self) -> None:
        self._minutes: defaultdict[tuple[bytes, bytes], array[int]] = defaultdict(lambda: array("q"))
        self.minutes = 0

    def add(self, changes: MinuteDeltas) -> None:
        """Of minutes that were not added before."""
        for (area, mode, minute), change in changes.items():
            self._minutes[area, mode].extend((minute, *change))
        self.minutes += len(changes)

    def columns(self) -> Iterator[tuple[list[Column], list[Column]]]:
        """As archiver.counter_deltas.unnest_args gives them, some counters at a time."""
        some: MinuteDeltas = {}
        for (area, mode), numbers in sorted(self._minutes.items()):
            for index in range(0, len(numbers), 4):
                minute, *change = numbers[index : index + 4]
                some[area, mode, minute] = change
            if len(some) >= BATCH_EVENTS:
                yield unnest_args(some)
                some = {}
        if some:
            yield unnest_args(some)


def _batches(world: World, start: int, end: int, events: int) -> Iterator[list[Entry]]:
    """Entries of the log, one for each second in which something happened."""
    chance = random.Random(world.seed)
    minutes = (end - start) // MINUTE
    batch: list[Entry] = []
    size, due = 0, 0.0
    for minute in range(start, end, MINUTE):
        # Evenings are busier than mornings: up and down by 60% in the course of a day.
        due += events / minutes * (1 - 0.6 * math.cos((minute % DAY / DAY - 0.2) * math.tau))
        timed = [(0, event) for event in world.expired(minute)]
        due -= len(timed)
        for offset in sorted(chance.randrange(59_000_000) for _ in range(max(0, math.ceil(due)))):
            if due > 0:
                logged = [(offset, event) for event in world.events(1, minute) if event["events_name"] in DELTAS]
                timed += logged
                due -= len(logged)
        if minute + MINUTE >= end:
            timed += [(59_000_000, event) for event in world.end(minute)]
        batch += _entries(minute, timed)
        size += len(timed)
        if size >= BATCH_EVENTS:
            yield batch
            batch, size = [], 0
    yield batch


def _entries(minute: int, timed: list[tuple[int, Event]]) -> Iterator[Entry]:
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
