"""A batch on its way into Postgres: the fast way and the careful one write the same."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.contract.token import new_token
from archiver import reader, writer
from modepulse.dev import _make_database
from modepulse.servers import Postgres, free_port
from tests.servers import eventually

LINES = [
    "LOGIN+1|111|duel|ann|",
    "LOGIN:refreshed|111|duel|ann|+1500000",
    "",
    "LOGOUT-1|111|duel|ann|-2000000",
    "HEARTBEAT+1|112|co op|jörg|1700000000123456",
    "EXPIRE-1|112|co op|jörg|+3",
    "LOGIN:stale|113|ctf|a b|",
    "LOGOUT:late|113|ctf|a b|5",
    "HEAL+7|113|ctf|x|",
    "HEAL-2|114|ctf|x|",
]
NOW = 1_764_000_000_000_000
SELECT = f"SELECT {', '.join(writer.COLUMNS)} FROM area_mode_events ORDER BY stream_ms, stream_seq, event_id"
SUMS = "SELECT area_code, multiplayer_mode, current_count::int FROM area_mode_events_agg ORDER BY 1, 2"


def entry(seq: int, lines: list[str]) -> reader.Entry:
    text = "\n".join(lines).encode()
    return (1, seq), [b"token", new_token().encode(), b"at", str(NOW).encode(), b"events", text]


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Any:
    directory: Path = tmp_path_factory.mktemp("store")
    postgres = Postgres(directory / "postgres", free_port())
    process = postgres.start(directory / "log", ())
    try:
        eventually(lambda: asyncio.run(_make_database(postgres.dsn("postgres"))))
        yield postgres.dsn()
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[Any]:
    connection = await writer.connect(dsn)
    await writer.migrate(connection)
    await writer.make_partitions(connection)
    await connection.execute("TRUNCATE area_mode_events, area_mode_events_agg, archive_checkpoint, archive_rejects")
    yield connection
    await connection.close()


async def store(connection: Any, checkpoint: writer.Checkpoint, *entries: reader.Entry) -> writer.Checkpoint:
    seen = reader.Snapshot(checkpoint.epoch, "", "", (0, 0), 0, 0, list(entries))
    checkpoint, _ = await writer.store(connection, checkpoint, seen)
    return checkpoint


async def sums(connection: Any) -> list[Any]:
    return [tuple(row) for row in await connection.fetch(SUMS) if row[2]]


async def test_the_fast_way_writes_what_decode_says(connection: Any) -> None:
    batch = [entry(1, LINES), entry(2, LINES[:2])]
    await store(connection, await writer.open_checkpoint(connection, 0, "e"), *batch)
    rows, rejects = reader.decode(0, batch)
    assert [tuple(row) for row in await connection.fetch(SELECT)] == sorted(
        rows, key=lambda r: (r[10], r[11], r[0].int)
    )
    assert not rejects
    assert await sums(connection) == [("111", "duel", 1), ("113", "ctf", 7), ("114", "ctf", -2)]


async def test_entries_met_again_change_nothing_and_new_ones_beside_them_are_stored(connection: Any) -> None:
    first, second = entry(1, LINES), entry(2, ["LOGIN+1|111|duel|bob|"])
    checkpoint = await store(connection, await writer.open_checkpoint(connection, 0, "e"), first)
    await store(connection, checkpoint, first, second)
    assert await connection.fetchval("SELECT count(*) FROM area_mode_events") == len(LINES)  # one line is empty
    assert await sums(connection) == [("111", "duel", 1), ("113", "ctf", 7), ("114", "ctf", -2)]


@pytest.mark.parametrize(
    "line", ["LOGIN+1|111|duel|ann", "JUMP+1|111|duel|ann|", "LOGIN+1|111|duel|ann|soon", "HEAL+99999999999|1|a|b|"]
)
async def test_what_cannot_be_stored_is_kept_aside_and_the_rest_stored(connection: Any, line: str) -> None:
    batch = [entry(1, LINES[:1]), entry(2, [LINES[0], line, LINES[4]])]
    await store(connection, await writer.open_checkpoint(connection, 0, "e"), *batch)
    assert await connection.fetchval("SELECT count(*) FROM area_mode_events") == 3
    assert await connection.fetchval("SELECT count(*) FROM archive_rejects WHERE stream_seq = 2 AND position = 1") == 1
    assert await sums(connection) == [("111", "duel", 2), ("112", "co op", 1)]


async def test_a_foreign_entry_is_kept_aside(connection: Any) -> None:
    foreign: reader.Entry = (1, 5), [b"hello", b"world"]
    await store(connection, await writer.open_checkpoint(connection, 0, "e"), entry(1, LINES[:1]), foreign)
    assert await connection.fetchval("SELECT count(*) FROM area_mode_events") == 1
    assert await connection.fetchval("SELECT count(*) FROM archive_rejects") == 1
