"""The partitions of area_mode_events, one a day: made ahead of time, dropped when they are too old."""

import asyncio
import logging
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import asyncpg

from app.contract.sql import load_sql

log = logging.getLogger(__name__)

DAYS_AHEAD = 7
# Dropping a day needs the table for itself for a moment, and who waits for it holds up the archiver: so it waits
# shortly and comes again.
LOCK_WAIT = "200ms"
LOCK_TRIES = 20
LOCK_PAUSE_SECONDS = 1.0

ATTACH_DAY = load_sql("archiver", "attach_day")
CARRY_DAY = load_sql("archiver", "carry_day")
DAYS = load_sql("archiver", "days")
FORGET_DEFAULT = load_sql("archiver", "forget_default")
FORGET_MINUTES = load_sql("archiver", "forget_minutes")


def today() -> date:
    return datetime.now(UTC).date()


async def create_partitions(connection: Any, first: date, last: date) -> None:
    """A partition for each day, unless there is one. A day whose rows are in the default partition stays there."""
    for number in range((last - first).days + 1):
        statement = await connection.fetchval(ATTACH_DAY, first + timedelta(days=number))
        if statement is None:
            continue
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'; {statement}")
        except asyncpg.CheckViolationError:
            log.warning("A day's events are in the default partition", extra={"action": "partition"})
        except asyncpg.LockNotAvailableError:
            log.warning("A day's partition is made later: the table is in use", extra={"action": "partition"})


async def create_ahead(connection: Any) -> None:
    """From yesterday to a week ahead."""
    await create_partitions(connection, today() - timedelta(days=1), today() + timedelta(days=DAYS_AHEAD))


async def drop_old(connection: Any, events_days: int, minutes_days: int) -> None:
    """Drops events recorded before the last `events_days` full days, and minutes before the last `minutes_days`.

    The live counters stay what they are: the dropped deltas are carried on in area_mode_events_dropped.
    """
    oldest = today() - timedelta(days=events_days)
    for row in await connection.fetch(DAYS):
        if not row["attached"]:
            await _drop(connection, row["name"])  # a run before this one got no further
        elif row["day"] < oldest:
            try:
                events = await _detach(connection, row["name"])
            except asyncpg.LockNotAvailableError:
                log.warning("A day is dropped later: the table is in use", extra={"action": "retention"})
                break
            await _drop(connection, row["name"])
            log.info("A day was dropped", extra={"action": "retention", "day": str(row["day"]), "events": events})
    events = await connection.fetchval(FORGET_DEFAULT, _midnight(oldest))
    minutes = await _forget_minutes(connection, _midnight(today() - timedelta(days=minutes_days)))
    counts = {"events": events, "minutes": minutes}
    if any(counts.values()):
        log.info("Old history was deleted", extra={"action": "retention", **counts})


async def _detach(connection: Any, name: str) -> int:
    """Takes a day out of the table, and returns its events. Raises LockNotAvailableError: nothing was done."""
    async with connection.transaction():
        await connection.execute(f"LOCK TABLE {name} IN SHARE MODE")
        events: int = await connection.fetchval(CARRY_DAY.format(day=name))
        for tries_left in reversed(range(LOCK_TRIES)):
            try:
                async with connection.transaction():
                    await connection.execute(
                        f"SET LOCAL lock_timeout = '{LOCK_WAIT}'; ALTER TABLE area_mode_events DETACH PARTITION {name}"
                    )
                break
            except asyncpg.LockNotAvailableError:
                if not tries_left:
                    raise
                await asyncio.sleep(LOCK_PAUSE_SECONDS)
    return events


async def _forget_minutes(connection: Any, before: datetime) -> int:
    async with connection.transaction():
        # Counter by counter along the key: to read the whole table for the few rows of a day takes seconds.
        await connection.execute("SET LOCAL enable_seqscan = off")
        deleted: str = await connection.execute(FORGET_MINUTES, before)
    return int(deleted.split()[1])


async def _drop(connection: Any, name: str) -> None:
    """The files go here, when the table of all events is free again."""
    await connection.execute(f"DROP TABLE {name}")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
