"""A batch on its way into Postgres: the fast path and the careful one write the same."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.contract.log import LOG_START, Entry, StreamId, decode, format_entry
from app.contract.postgres import Connection
from app.contract.token import new_token
from archiver import batches, retention
from archiver.checkpoint import Checkpoint, open_checkpoint
from archiver.errors import NotPlainNewRows, Superseded
from archiver.postgres import connect, migrate
from archiver.snapshot import Snapshot
from tests.minutes_model import EVENTS, MINUTES, minutes_of

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
SELECT = f"SELECT {', '.join(batches.COLUMNS)} FROM area_mode_events ORDER BY stream_ms, stream_seq, event_id"
SUMS = "SELECT area_code, multiplayer_mode, current_count::int AS current_count FROM area_mode_events_agg ORDER BY 1, 2"


def entry(seq: int, lines: list[str], at: int = NOW) -> Entry:
    return Entry(StreamId(1, seq), format_entry(new_token(), at, lines))


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[Connection]:
    connection = await connect(dsn)
    await migrate(connection)
    await retention.create_ahead(connection)
    await connection.execute(
        "TRUNCATE area_mode_events, area_mode_events_agg, area_mode_minutes, archive_checkpoint, archive_rejects"
    )
    yield connection
    await connection.close()


async def store(connection: Connection, checkpoint: Checkpoint, *entries: Entry) -> Checkpoint:
    snapshot = Snapshot(checkpoint.epoch, "", "", LOG_START, 0, 0, list(entries))
    checkpoint, _ = await batches.commit_batch(connection, checkpoint, snapshot)
    return checkpoint


async def sums(connection: Connection) -> list[Any]:
    return [tuple(row) for row in await connection.fetch(SUMS) if row["current_count"]]


async def test_the_fast_path_writes_what_decode_says(connection: Connection) -> None:
    batch = [entry(1, LINES), entry(2, LINES[:2])]
    await store(connection, await open_checkpoint(connection, 0, "e"), *batch)
    rows, rejects = decode(0, batch)
    assert [tuple(row) for row in await connection.fetch(SELECT)] == sorted(
        rows, key=lambda row: (row.stream_ms, row.stream_seq, row.event_id.int)
    )
    assert not rejects
    assert await sums(connection) == [("111", "duel", 1), ("113", "ctf", 7), ("114", "ctf", -2)]


async def test_entries_met_again_change_nothing_and_new_ones_beside_them_are_stored(connection: Connection) -> None:
    first, second = entry(1, LINES), entry(2, ["LOGIN+1|111|duel|bob|"])
    checkpoint = await store(connection, await open_checkpoint(connection, 0, "e"), first)
    await store(connection, checkpoint, first, second)
    assert await connection.fetchval("SELECT count(*) FROM area_mode_events") == len(LINES)  # one line is empty
    assert await sums(connection) == [("111", "duel", 1), ("113", "ctf", 7), ("114", "ctf", -2)]


async def test_a_batch_with_a_known_event_is_not_copied_and_leaves_nothing_behind(connection: Connection) -> None:
    known = entry(1, LINES)
    assert (await batches.copy_new(connection, 0, [known])).total() == len(LINES) - 1
    before = await sums(connection)
    with pytest.raises(NotPlainNewRows):
        await batches.copy_new(connection, 0, [entry(2, LINES), known])
    assert await connection.fetchval("SELECT count(*) FROM area_mode_events") == len(LINES) - 1
    assert await sums(connection) == before


async def test_a_batch_that_was_read_before_another_archiver_moved_the_checkpoint_is_not_stored(
    connection: Connection,
) -> None:
    checkpoint = await open_checkpoint(connection, 0, "e")
    moved = await store(connection, checkpoint, entry(1, LINES[:1]))
    with pytest.raises(Superseded):
        await store(connection, checkpoint, entry(2, LINES[:1]))
    assert await connection.fetchval("SELECT count(*) FROM area_mode_events") == 1
    assert (await open_checkpoint(connection, 0, "e")).last == moved.last == StreamId(1, 1)


@pytest.mark.parametrize(
    "line", ["LOGIN+1|111|duel|ann", "JUMP+1|111|duel|ann|", "LOGIN+1|111|duel|ann|soon", "HEAL+99999999999|1|a|b|"]
)
async def test_what_cannot_be_stored_is_kept_aside_and_the_rest_stored(connection: Connection, line: str) -> None:
    batch = [entry(1, LINES[:1]), entry(2, [LINES[0], line, LINES[4]])]
    await store(connection, await open_checkpoint(connection, 0, "e"), *batch)
    assert await connection.fetchval("SELECT count(*) FROM area_mode_events") == 3
    assert await connection.fetchval("SELECT count(*) FROM archive_rejects WHERE stream_seq = 2 AND position = 1") == 1
    assert await sums(connection) == [("111", "duel", 2), ("112", "co op", 1)]


async def test_a_foreign_entry_is_kept_aside(connection: Connection) -> None:
    foreign = Entry(StreamId(1, 5), [b"hello", b"world"])
    await store(connection, await open_checkpoint(connection, 0, "e"), entry(1, LINES[:1]), foreign)
    assert await connection.fetchval("SELECT count(*) FROM area_mode_events") == 1
    assert await connection.fetchval("SELECT count(*) FROM archive_rejects") == 1


def random_lines(chance: random.Random, count: int) -> list[str]:
    """Changes of few counters, stamped over some minutes in no order; some events have no time of their own."""
    return [
        f"{chance.choice(('LOGIN+1', 'LOGOUT-1', 'HEAL+3', 'HEAL-2', 'LOGIN:stale'))}|{chance.choice('12')}"
        f"|{chance.choice(('duel', 'ctf'))}|u|{chance.choice(('', f'{chance.randrange(-(10**9), 6 * 10**7):+d}'))}"
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", range(5))
async def test_minutes_are_the_events_counted_whatever_the_order_and_the_batches(
    connection: Connection, seed: int
) -> None:
    chance = random.Random(seed)
    checkpoint = await open_checkpoint(connection, 0, "e")
    stored: list[Entry] = []
    for number in range(12):
        batch = [
            entry(number * 10 + n, random_lines(chance, chance.randrange(1, 30)), NOW + number * 20_000_000)
            for n in range(3)
        ]
        # Every third batch brings known entries along: the path of the temporary table.
        known = chance.sample(stored, 2) if number % 3 == 2 else []
        checkpoint = await store(connection, checkpoint, *known, *batch)
        stored += batch
        expected = minutes_of(await connection.fetch(EVENTS))
        assert [tuple(row) for row in await connection.fetch(MINUTES)] == expected
    last = {(area, mode): players for area, mode, _, players, *_ in expected}
    assert await sums(connection) == sorted((*pair, players) for pair, players in last.items() if players)


async def test_two_writers_of_the_same_counters_do_not_overwrite_one_another(connection: Connection, dsn: str) -> None:
    async def write(partition: int, connection: Connection) -> None:
        chance = random.Random(partition)
        for number in range(40):
            lines = random_lines(chance, 50)
            assert await batches.copy_new(connection, partition, [entry(number, lines, NOW + number * 9_000_000)])

    other = await connect(dsn)
    await asyncio.gather(write(0, connection), write(1, other))
    await other.close()
    counted = [tuple(row) for row in await connection.fetch(MINUTES)]
    expected = minutes_of(await connection.fetch(EVENTS))
    # But for the peaks: the logs of two partitions have no order between them.
    assert [row[:4] + row[5:] for row in counted] == [row[:4] + row[5:] for row in expected]
