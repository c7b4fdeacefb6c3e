"""The schema of a running deployment: upgraded with its data in it, and never from a file that was edited."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pytest

from app.contract.log import LOG_START, Entry, Row, StreamId, decode, format_entry
from app.contract.postgres import Connection
from app.contract.token import new_token
from archiver import retention
from archiver.batches import COLUMNS, commit_batch
from archiver.checkpoint import read_checkpoint
from archiver.errors import EditedMigration
from archiver.postgres import connect, migrate
from archiver.snapshot import Snapshot
from tests.minutes_model import EVENTS, MINUTES, minutes_of
from tests.servers import modepulse

MIGRATIONS = sorted((files("archiver") / "migrations").iterdir(), key=lambda file: file.name)
NAMES = [file.name for file in MIGRATIONS]
# As the releases made it that kept no checksums.
FORMER_TABLE = "CREATE TABLE schema_migrations (name text PRIMARY KEY, applied_at timestamptz DEFAULT now())"
STORED = f"SELECT {', '.join(COLUMNS)} FROM area_mode_events ORDER BY stream_ms, stream_seq, event_id"
COUNTERS = "SELECT area_code, multiplayer_mode, current_count FROM area_mode_events_agg ORDER BY 1, 2"
CHECKSUMS = "SELECT name, sha256 FROM schema_migrations ORDER BY name"
CHECKPOINT = "SELECT * FROM archive_checkpoint"
REJECTS = "SELECT * FROM archive_rejects"


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[Connection]:
    connection = await connect(dsn, patient=True)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    yield connection
    await connection.close()


async def make_former(connection: Connection, version: int) -> None:
    """The schema as a release with so many migrations left it."""
    await connection.execute(FORMER_TABLE)
    for file in MIGRATIONS[:version]:
        await connection.execute(file.read_text())
        await connection.execute("INSERT INTO schema_migrations (name) VALUES ($1)", file.name)


def entries(first: int, count: int) -> list[Entry]:
    """Changes of few counters, an entry every seven seconds, some in the past: the default partition's."""
    chance = random.Random(first)
    made = []
    for number in range(first, first + count):
        at = int(datetime.now(UTC).timestamp()) - (90_000_000 if number % 5 == 0 else 0) + number * 7
        lines = [
            f"{chance.choice(('LOGIN+1', 'LOGOUT-1', 'HEAL+3', 'EXPIRE-1', 'LOGIN:stale'))}|{chance.choice('12')}"
            f"|{chance.choice(('duel', 'co op'))}|jörg|{chance.choice(('', f'{chance.randrange(6 * 10**7):+d}'))}"
            for _ in range(40)
        ]
        made.append(Entry(StreamId(1, number), format_entry(new_token(at * 1000), at * 1_000_000, lines)))
    return made


async def fill(connection: Connection, log: list[Entry]) -> list[Row]:
    """The log's events, as a release without minutes stored them, with its aggregate, checkpoint and a reject."""
    await retention.create_ahead(connection)
    rows, _ = decode(0, log)
    await connection.copy_records_to_table("area_mode_events", records=rows, columns=COLUMNS)
    counters: Counter[tuple[str, str]] = Counter()
    for row in rows:
        counters[row.area_code, row.multiplayer_mode] += row.delta
    await connection.copy_records_to_table(
        "area_mode_events_agg", records=[(*names, count) for names, count in counters.items()]
    )
    await connection.execute(
        "INSERT INTO archive_checkpoint (partition, epoch, last_ms, last_seq) VALUES (0, 'e', $1, $2)", *log[-1].id
    )
    await connection.execute("INSERT INTO archive_rejects VALUES (0, 1, 2, 3, 'raw', 'reason')")
    return rows


async def fetch(connection: Connection, query: str) -> list[Any]:
    return [tuple(row) for row in await connection.fetch(query)]


async def has_table(connection: Connection, name: str) -> bool:
    return await connection.fetchval("SELECT to_regclass($1)", name) is not None


@pytest.mark.parametrize("version", [1, 2])
async def test_a_filled_database_of_an_earlier_release_is_upgraded_and_goes_on(
    connection: Connection, version: int
) -> None:
    await make_former(connection, version)
    rows = await fill(connection, entries(1, 20))
    kept = [await fetch(connection, query) for query in (COUNTERS, CHECKPOINT, REJECTS)]
    assert await migrate(connection) == NAMES[version:]

    in_order = sorted(rows, key=lambda row: (row.stream_ms, row.stream_seq, row.event_id.int))
    assert await fetch(connection, STORED) == in_order
    assert [await fetch(connection, query) for query in (COUNTERS, CHECKPOINT, REJECTS)] == kept
    minutes = await fetch(connection, MINUTES)
    assert minutes == minutes_of(await connection.fetch(EVENTS))
    assert len(minutes) > 10
    newest = {(area, mode): last for area, mode, _, last, *_ in minutes}
    assert newest == {(area, mode): count for area, mode, count in kept[0]}
    indexes = "SELECT count(*) FROM pg_index WHERE indrelid = $1::regclass"
    day = f"area_mode_events_{retention.today():%Y%m%d}"
    assert await connection.fetchval(indexes, day) == await connection.fetchval(indexes, "area_mode_events")

    checkpoint = await read_checkpoint(connection, 0)
    assert checkpoint is not None
    await commit_batch(connection, checkpoint, Snapshot("e", "", "", LOG_START, 0, 0, entries(21, 10)))
    assert await fetch(connection, MINUTES) == minutes_of(await connection.fetch(EVENTS))


async def test_checksums_of_migrations_applied_by_an_earlier_release_are_noted(connection: Connection) -> None:
    await make_former(connection, len(NAMES))
    assert await migrate(connection) == []
    noted = await fetch(connection, CHECKSUMS)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    assert await migrate(connection) == NAMES
    assert await fetch(connection, CHECKSUMS) == noted
    assert await migrate(connection) == []


async def test_an_earlier_release_can_still_start_and_note_what_it_applies(connection: Connection) -> None:
    await migrate(connection)
    await connection.execute("INSERT INTO schema_migrations (name) VALUES ('0000_of_an_earlier_release.sql')")
    assert await migrate(connection) == []


async def test_two_archivers_that_start_at_once_migrate_once(connection: Connection, dsn: str) -> None:
    await make_former(connection, 1)
    other = await connect(dsn, patient=True)
    applied = await asyncio.gather(migrate(connection), migrate(other))
    await other.close()
    assert sorted(applied) == [[], NAMES[1:]]


async def test_an_edited_migration_is_named_and_nothing_is_applied(connection: Connection) -> None:
    await make_former(connection, 2)
    await connection.execute("ALTER TABLE schema_migrations ADD COLUMN sha256 text")
    await connection.execute("UPDATE schema_migrations SET sha256 = 'of another text' WHERE name = $1", NAMES[1])
    with pytest.raises(EditedMigration, match=NAMES[1]):
        await migrate(connection)
    assert not await has_table(connection, "area_mode_minutes")
    assert await fetch(connection, CHECKSUMS) == [(NAMES[0], None), (NAMES[1], "of another text")]


async def test_commands_end_with_one_line_when_a_migration_was_edited(connection: Connection, dsn: str) -> None:
    await migrate(connection)
    await connection.execute("UPDATE schema_migrations SET sha256 = 'of another text' WHERE name = $1", NAMES[0])
    stores = {"MODEPULSE_REDIS_URL": "redis://127.0.0.1:1/0", "MODEPULSE_POSTGRES_DSN": dsn}
    for command in ("archive", "rebuild"):
        done = await asyncio.to_thread(modepulse, command, env=os.environ | stores)
        assert done.returncode == 2
        # `rebuild` shows its progress bar as well.
        (line,) = [line for line in done.stderr.splitlines() if not line.startswith("sessions ")]
        assert line.startswith(f"modepulse: archiver/migrations/{NAMES[0]} was edited")
