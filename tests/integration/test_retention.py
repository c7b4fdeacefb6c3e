"""The partitions of the events: created while rows are inserted, dropped without losing a count."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from app.archive.access_entry import AccessAction, AccessEntry
from app.archive.access_log import insert_access
from app.contract.log import Entry, StreamId, format_entry
from app.contract.postgres import Connection
from app.contract.token import new_token
from archiver import batches, retention
from archiver.postgres import connect, migrate

PARTITIONS = (
    "SELECT relname AS name FROM pg_class WHERE relname ~ '^area_mode_events_[0-9]{8}$' AND relispartition ORDER BY 1"
)
ARCHIVED = """
    SELECT area_code, multiplayer_mode, sum(count)::int FROM (
        SELECT area_code, multiplayer_mode, delta AS count FROM area_mode_events
        UNION ALL SELECT area_code, multiplayer_mode, delta FROM area_mode_events_dropped
    ) AS both_ GROUP BY 1, 2 ORDER BY 1, 2
"""
COUNTERS = "SELECT area_code, multiplayer_mode, current_count::int FROM area_mode_events_agg ORDER BY 1, 2"


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[Connection]:
    connection = await connect(dsn, patient=True)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await migrate(connection)
    yield connection
    await connection.close()


def name_of(back: int) -> str:
    return f"area_mode_events_{retention.today() - timedelta(days=back):%Y%m%d}"


def entry(back: int, *lines: str) -> Entry:
    at = int((datetime.now(UTC) - timedelta(days=back)).timestamp())
    return Entry(StreamId(at * 1000, 0), format_entry(new_token(at * 1000), at * 1_000_000, lines))


async def fill(connection: Connection) -> None:
    """A day each, back to 20 days ago; sessions reach from one into the next. The oldest has no partition."""
    await retention.create_partitions(connection, retention.today() - timedelta(days=15), retention.today())
    for back in (20, 12, 11, 3, 0):
        lines = [f"LOGIN+1|1|duel|u{back}|", f"LOGIN+1|2|ctf|u{back}|", f"LOGOUT-1|2|ctf|u{back}|"]
        assert (await batches.copy_new(connection, 0, [entry(back, *lines)])).total() == 3


async def test_days_are_made_once_and_rows_find_them(connection: Connection) -> None:
    await retention.create_ahead(connection)
    await retention.create_ahead(connection)
    names = [row["name"] for row in await connection.fetch(PARTITIONS)]
    assert names == [name_of(back) for back in range(1, -retention.DAYS_AHEAD - 1, -1)]
    await batches.copy_new(connection, 0, [entry(0, "LOGIN+1|1|duel|u|"), entry(40, "LOGIN+1|1|duel|v|")])
    where = await connection.fetch(
        "SELECT tableoid::regclass::text AS name FROM area_mode_events ORDER BY recorded_at DESC"
    )
    assert [row["name"] for row in where] == [name_of(0), "area_mode_events_default"]
    indexes = "SELECT count(*) FROM pg_index WHERE indrelid = $1::regclass"
    assert await connection.fetchval(indexes, name_of(0)) == await connection.fetchval(indexes, "area_mode_events")


async def test_a_day_with_rows_in_the_default_partition_stays_there(connection: Connection) -> None:
    await batches.copy_new(connection, 0, [entry(0, "LOGIN+1|1|duel|u|")])
    await retention.create_ahead(connection)
    names = [row["name"] for row in await connection.fetch(PARTITIONS)]
    assert name_of(0) not in names
    assert name_of(-1) in names


async def test_old_days_are_dropped_and_every_count_stays(connection: Connection) -> None:
    await fill(connection)
    counters = await connection.fetch(COUNTERS)
    await retention.drop_old(connection, 11, 400)
    names = [row["name"] for row in await connection.fetch(PARTITIONS)]
    assert names == [name_of(back) for back in range(11, -1, -1)]
    assert await connection.fetchval("SELECT count(*) FROM area_mode_events") == 9
    assert await connection.fetchval("SELECT to_regclass($1)", name_of(12)) is None
    assert await connection.fetch(COUNTERS) == counters == await connection.fetch(ARCHIVED)
    assert await connection.fetchval("SELECT count(*) FROM area_mode_minutes") == 10, "kept longer"
    await retention.drop_old(connection, 11, 400)
    assert await connection.fetch(ARCHIVED) == counters


async def test_old_minutes_go_but_those_that_later_ones_begin_from(connection: Connection) -> None:
    await fill(connection)
    await retention.drop_old(connection, 400, 3)
    left = await connection.fetch(
        "SELECT multiplayer_mode, round(extract(epoch FROM now() - minute) / 86400)::int, last::int"
        " FROM area_mode_minutes ORDER BY 1, 2"
    )
    assert [tuple(row) for row in left] == [
        ("ctf", 0, 0), ("ctf", 3, 0), ("ctf", 11, 0), ("duel", 0, 5), ("duel", 3, 4), ("duel", 11, 3),
    ]  # fmt: skip


async def test_a_day_that_was_detached_only_is_dropped_later(connection: Connection) -> None:
    await fill(connection)
    await retention._detach(connection, name_of(12))
    counters = await connection.fetch(COUNTERS)
    assert await connection.fetch(ARCHIVED) == counters
    await retention.drop_old(connection, 400, 400)
    assert await connection.fetchval("SELECT to_regclass($1)", name_of(12)) is None
    assert await connection.fetch(ARCHIVED) == counters


async def test_a_long_reader_delays_retention_but_not_the_archiver(
    connection: Connection, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "LOCK_PAUSE_SECONDS", 0.05)
    await fill(connection)
    reading, writing = [await connect(dsn, patient=True) for _ in range(2)]
    # Postgres itself refuses a write that has to wait longer than this for retention's lock.
    await writing.execute("SET lock_timeout = '1s'")
    written = 0

    async def write() -> None:
        nonlocal written
        while True:
            written += (
                await batches.copy_new(writing, 0, [entry(0, "LOGIN+1|1|duel|w|", "LOGOUT-1|1|duel|w|")])
            ).total()

    async with reading.transaction():
        await reading.fetch("SELECT FROM area_mode_events LIMIT 1")
        task = asyncio.create_task(write())
        await retention.create_partitions(connection, retention.today(), retention.today() + timedelta(days=3))
        await retention.drop_old(connection, 11, 400)
        assert name_of(12) in [row["name"] for row in await connection.fetch(PARTITIONS)]
    await retention.drop_old(connection, 11, 400)
    assert name_of(12) not in [row["name"] for row in await connection.fetch(PARTITIONS)]
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled(), "no write was refused"
    assert written > 2 * retention.LOCK_TRIES
    for other in (reading, writing):
        other.terminate()
    assert await connection.fetch(ARCHIVED) == await connection.fetch(COUNTERS)


async def test_the_audit_trail_is_kept_for_its_own_time(connection: Connection) -> None:
    for days in (0, 4, 5, 6, 400):
        entry = AccessEntry(AccessAction.READ, "GET /events", "192.0.2.1", user_id="ann")
        entry.at -= timedelta(days=days)
        await insert_access(connection, [entry])
        await insert_access(connection, [entry])
    await retention.drop_old_access(connection, 5)
    ages = "SELECT (now()::date - at::date) AS days FROM access_log ORDER BY 1"
    assert [row["days"] for row in await connection.fetch(ages)] == [0, 4, 5]
