"""The partitions of area_mode_events, one a day: created ahead of time, dropped when they are too old."""

import asyncio
import logging
from datetime import UTC, date, datetime, time, timedelta

import asyncpg

from app.contract.postgres import Connection, affected_rows
from app.contract.sql import load_sql
from archiver.postgres import set_parameter

log = logging.getLogger(__name__)

DAYS_AHEAD = 7
# DETACH takes an ACCESS EXCLUSIVE lock, and every later statement, the archiver's too, queues behind the one that waits
# for it. So wait LOCK_WAIT at most, and try again after a pause.
LOCK_WAIT = "200ms"
LOCK_TRIES = 20
LOCK_PAUSE_SECONDS = 1.0

ATTACH_DAY = load_sql("archiver", "attach_day")
LOCK_DAY = load_sql("archiver", "lock_day")
CARRY_DAY = load_sql("archiver", "carry_day")
DETACH_DAY = load_sql("archiver", "detach_day")
DROP_DAY = load_sql("archiver", "drop_day")
DAY_PARTITIONS = load_sql("archiver", "day_partitions")
DELETE_DEFAULT_EVENTS = load_sql("archiver", "delete_default_events")
DELETE_MINUTES = load_sql("archiver", "delete_minutes")
DELETE_ACCESS = load_sql("archiver", "delete_access")


def today() -> date:
    """In UTC, as the partitions are cut."""
    return datetime.now(UTC).date()


async def create_partitions(connection: Connection, first: date, last: date) -> None:
    """Creates the missing partitions of the days from `first` to `last`.

    A day with rows in the default partition gets none. One that is locked gets it later.
    """
    for number in range((last - first).days + 1):
        statement = await connection.fetchval(ATTACH_DAY, first + timedelta(days=number))
        if statement is None:
            continue
        try:
            async with connection.transaction():
                await set_parameter(connection, "lock_timeout", LOCK_WAIT, local=True)
                await connection.execute(statement)
        except asyncpg.CheckViolationError:
            log.warning("A day's events are in the default partition", extra={"action": "partition"})
        except asyncpg.LockNotAvailableError:
            log.warning("A day's partition is created later: the table is in use", extra={"action": "partition"})


async def create_ahead(connection: Connection) -> None:
    """Creates the missing partitions from yesterday to DAYS_AHEAD days ahead."""
    await create_partitions(connection, today() - timedelta(days=1), today() + timedelta(days=DAYS_AHEAD))


async def drop_old(connection: Connection, events_days: int, minutes_days: int) -> None:
    """Drops events recorded before the last `events_days` full days, and minutes before the last `minutes_days`.

    Counters stay as they are: area_mode_events_dropped keeps the sums of the dropped deltas.
    """
    oldest = today() - timedelta(days=events_days)
    for row in await connection.fetch(DAY_PARTITIONS):
        if not row["attached"]:
            await _drop(connection, row["name"])  # an earlier run got no further
        elif row["day"] < oldest:
            try:
                events = await _detach(connection, row["name"])
            except asyncpg.LockNotAvailableError:
                log.warning("A day is dropped later: the table is in use", extra={"action": "retention"})
                break
            await _drop(connection, row["name"])
            log.info("A day was dropped", extra={"action": "retention", "day": str(row["day"]), "events": events})
    events = await connection.fetchval(DELETE_DEFAULT_EVENTS, _midnight(oldest))
    minutes = await _delete_minutes(connection, _midnight(today() - timedelta(days=minutes_days)))
    counts = {"events": events, "minutes": minutes}
    if any(counts.values()):
        log.info("Old history was deleted", extra={"action": "retention", **counts})


async def drop_old_access(connection: Connection, days: int) -> None:
    """Deletes what the audit trail holds from before the last `days` full days."""
    before = _midnight(today() - timedelta(days=days))
    entries = affected_rows(await connection.execute(DELETE_ACCESS, before))
    if entries:
        log.info("Old entries of the audit trail were deleted", extra={"action": "retention", "entries": entries})


async def _detach(connection: Connection, name: str) -> int:
    """Takes a day out of the table and carries its deltas on; returns how many events it has.

    Raises LockNotAvailableError: then nothing was done.
    """
    async with connection.transaction():
        await connection.execute(LOCK_DAY.format(day=name))
        events: int = await connection.fetchval(CARRY_DAY.format(day=name))
        for tries_left in reversed(range(LOCK_TRIES)):
            try:
                async with connection.transaction():
                    await set_parameter(connection, "lock_timeout", LOCK_WAIT, local=True)
                    await connection.execute(DETACH_DAY.format(day=name))
                break
            except asyncpg.LockNotAvailableError:
                if not tries_left:
                    raise
                await asyncio.sleep(LOCK_PAUSE_SECONDS)
    return events


async def _delete_minutes(connection: Connection, before: datetime) -> int:
    async with connection.transaction():
        # Counter by counter along the key: to read the whole table for the few rows of a day takes seconds.
        await set_parameter(connection, "enable_seqscan", "off", local=True)
        return affected_rows(await connection.execute(DELETE_MINUTES, before))


async def _drop(connection: Connection, name: str) -> None:
    """Deletes the files of a detached day; the lock on the table of all events is released by then."""
    await connection.execute(DROP_DAY.format(day=name))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
