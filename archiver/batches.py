"""The archiver's side of Postgres: migrations, the checkpoint, and the one transaction that stores a batch."""

import logging
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

import asyncpg

from app.contract.log import LOG_START, Entry, Reject, Row, StreamId, decode, token_of
from app.contract.sql import load_sql
from archiver.copy_format import BinaryCopyEncoder
from archiver.counter_deltas import Column, MinuteDeltas, add_rows, columns_of
from archiver.stream import Snapshot

log = logging.getLogger(__name__)

MIGRATION_SECONDS = 6 * 3600
MIGRATION_LOCK = 0x6D6F6465_0001  # "mode"
LEADER_LOCK = 0x6D6F6465_0002
WRITER_NAME = "modepulse-writer"
REBUILD_LOCK = 0x6D6F6465_0003
# A leader that is frozen loses its session, and with it the lock, after this long.
LEADER_IDLE_SECONDS = 6
# SQLSTATE classes that say a row cannot be stored, however often it is tried.
DATA_ERRORS = ("22", "23", "54")

COLUMNS = Row._fields


INCOMING = load_sql("archiver", "incoming")
MERGE_INCOMING = load_sql("archiver", "merge_incoming")
ADD_DELTAS = load_sql("archiver", "add_deltas")
ADD_MINUTES = load_sql("archiver", "add_minutes")
MOVE_CHECKPOINT = load_sql("archiver", "move_checkpoint")
REWIND_CHECKPOINT = load_sql("archiver", "rewind_checkpoint")
TOP_POSITION = load_sql("archiver", "top_position")


class Superseded(Exception):
    """Another archiver moved the checkpoint: what was read here is not to be written."""


@dataclass(frozen=True)
class Checkpoint:
    """A row of archive_checkpoint."""

    partition: int
    epoch: str
    generation: int
    last: StreamId
    run_id: str
    replid: str
    entries_added: int
    last_token: str
    healing: bool


async def connect(dsn: str, patient: bool = False, name: str = "modepulse-archiver") -> Any:
    """One connection that gives up rather than hang: a job's deadline is 30 s. `patient` is for recovery and verify."""
    return await asyncpg.connect(
        dsn,
        timeout=5,
        command_timeout=None if patient else 25,
        server_settings={
            "application_name": name,
            "synchronous_commit": "on",
            "lock_timeout": "5s",
            "statement_timeout": "0" if patient else "8s",
            "idle_in_transaction_session_timeout": "0" if patient else "5s",
            "timezone": "UTC",
            # A batch touches few rows of large tables, each found by its key: never a reason to read a whole one.
            "enable_hashjoin": "off",
            "enable_mergejoin": "off",
        },
    )


async def migrate(connection: Any) -> list[str]:
    """Applies what is missing of archiver/migrations, in order; returns the names of what it applied.

    With a large archive that may take minutes.
    """
    applied = []
    async with connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, applied_at timestamptz DEFAULT now())"
        )
        known = {row["name"] for row in await connection.fetch("SELECT name FROM schema_migrations")}
        for file in sorted((files("archiver") / "migrations").iterdir(), key=lambda file: file.name):
            if file.name.endswith(".sql") and file.name not in known:
                await connection.execute(file.read_text(), timeout=MIGRATION_SECONDS)
                await connection.execute("INSERT INTO schema_migrations (name) VALUES ($1)", file.name)
                applied.append(file.name)
    return applied


async def lead(connection: Any) -> bool:
    """Tries to become the one archiver that works. Holds as long as the connection does."""
    leads = await connection.fetchval("SELECT pg_try_advisory_lock($1)", LEADER_LOCK)
    if leads:
        await connection.execute(f"SET idle_session_timeout = '{LEADER_IDLE_SECONDS}s'")
    return bool(leads)


async def end_former_writers(connection: Any) -> None:
    """A leader that froze in the middle of COPY holds its locks and no time-out of Postgres ends that."""
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = $1 AND datname = current_database() AND usename = current_user",
        WRITER_NAME,
    )


async def read_checkpoint(connection: Any, partition: int) -> Checkpoint | None:
    row = await connection.fetchrow("SELECT * FROM archive_checkpoint WHERE partition = $1", partition)
    if row is None:
        return None
    return _checkpoint(row)


def _checkpoint(row: Any) -> Checkpoint:
    return Checkpoint(
        row["partition"],
        row["epoch"],
        row["generation"],
        StreamId(row["last_ms"], row["last_seq"]),
        row["run_id"],
        row["replid"],
        row["entries_added"],
        row["last_token"],
        row["healing"],
    )


async def top_position(connection: Any, partition: int) -> StreamId:
    """The highest position of the log that was ever archived; (0, 0) for none."""
    row = await connection.fetchrow(TOP_POSITION, partition)
    return StreamId(row["stream_ms"], row["stream_seq"]) if row is not None else LOG_START


async def open_checkpoint(connection: Any, partition: int, epoch: str) -> Checkpoint:
    """Makes the partition's checkpoint unless there is one; returns the one there is."""
    await connection.execute(
        "INSERT INTO archive_checkpoint (partition, epoch) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        partition,
        epoch,
    )
    checkpoint = await read_checkpoint(connection, partition)
    assert checkpoint is not None
    return checkpoint


async def commit_batch(connection: Any, checkpoint: Checkpoint, seen: Snapshot) -> tuple[Checkpoint, int]:
    """Stores what was read and moves the checkpoint behind it, in one transaction; returns the rows, too.

    Raises Superseded. Rows that cannot be stored go to archive_rejects: they are found by halving the batch.
    """
    newest = seen.entries[-1] if seen.entries else None
    last = newest.id if newest else checkpoint.last
    token = token_of(newest) if newest else checkpoint.last_token
    async with connection.transaction():
        moved = await connection.execute(
            MOVE_CHECKPOINT,
            checkpoint.partition,
            checkpoint.generation,
            *checkpoint.last,
            *last,
            seen.entries_added,
            seen.run_id,
            seen.replid,
            token,
        )
        if moved != "UPDATE 1":
            raise Superseded
        count = await copy_new(connection, checkpoint.partition, seen.entries) if seen.entries else 0
        if count is None:
            rows, rejects = decode(checkpoint.partition, seen.entries)
            await _insert_idempotent(connection, rows, rejects)
            count = len(rows)
    moved_on = replace(
        checkpoint,
        last=last,
        run_id=seen.run_id,
        replid=seen.replid,
        entries_added=seen.entries_added,
        last_token=token,
    )
    return moved_on, count


async def copy_new(connection: Any, partition: int, entries: list[Entry]) -> int | None:
    """Copies the entries' events straight into the table, all of them or, where any is known already or cannot
    be stored, none: then returns None, and each has to be looked at."""
    try:
        async with connection.transaction():
            count, changes = await copy_binary(connection, partition, entries)
            await _count(connection, changes)
    except (asyncpg.PostgresError, ValueError, OverflowError) as error:
        if not _is_about_data(error):
            raise
        return None
    return count


async def copy_binary(connection: Any, partition: int, entries: list[Entry]) -> tuple[int, MinuteDeltas]:
    """Copies the entries' events into the table; returns how many, and what they change."""
    encoder = BinaryCopyEncoder(partition, entries)
    status = await connection.copy_to_table(
        "area_mode_events", source=encoder.chunks(), columns=COLUMNS, format="binary"
    )
    return int(status.split()[1]), encoder.changes


async def _count(connection: Any, changes: MinuteDeltas) -> None:
    """Moves the aggregate and the minutes by what a batch changes."""
    if changes:
        await add_counts(connection, *columns_of(changes))


async def add_counts(connection: Any, deltas: list[Column], minutes: list[Column]) -> None:
    """The columns of archiver.counter_deltas.columns_of."""
    await connection.execute(ADD_DELTAS, *deltas)
    await connection.execute(ADD_MINUTES, *minutes)


async def rewind(connection: Any, checkpoint: Checkpoint, healing: bool) -> Checkpoint:
    """Sets the checkpoint back to the log's start; stored rows are met again without effect. Raises Superseded."""
    row = await connection.fetchrow(REWIND_CHECKPOINT, checkpoint.partition, checkpoint.generation, healing)
    if row is None:
        raise Superseded
    return _checkpoint(row)


async def store_leftovers(connection: Any, rows: list[Row], rejects: list[Reject]) -> None:
    """Stores rows of a log that is about to be replaced; the checkpoint stays where it is."""
    async with connection.transaction():
        await _insert_idempotent(connection, rows, rejects)


async def _insert_idempotent(connection: Any, rows: list[Row], rejects: list[Reject]) -> None:
    """Rows that are there already change nothing."""
    await connection.execute(INCOMING)
    rejects = rejects + await _insert_or_bisect(connection, rows)
    if rejects:
        await _reject(connection, rejects)


def _is_about_data(error: Exception) -> bool:
    return not isinstance(error, asyncpg.PostgresError) or (error.sqlstate or "")[:2] in DATA_ERRORS


async def _insert_or_bisect(connection: Any, rows: list[Row]) -> list[Reject]:
    """Inserts the rows; returns those that cannot be. Rows of an earlier half meet themselves: no effect."""
    try:
        async with connection.transaction():
            await connection.copy_records_to_table("incoming", records=rows, columns=COLUMNS)
            inserted = await connection.fetch(MERGE_INCOMING)
            changes: MinuteDeltas = {}
            add_rows(changes, inserted)
            await _count(connection, changes)
    except (asyncpg.PostgresError, ValueError, OverflowError) as error:
        if not _is_about_data(error):
            raise
        if len(rows) > 1:
            half = len(rows) // 2
            return await _insert_or_bisect(connection, rows[:half]) + await _insert_or_bisect(connection, rows[half:])
        row = rows[0]
        log.error("An event cannot be stored", extra={"action": "reject", "event_id": str(row.event_id)})
        reason = f"{type(error).__name__}: {error}"
        return [Reject(row.partition, row.stream_ms, row.stream_seq, row.position, repr(tuple(row)).encode(), reason)]
    return []


async def _reject(connection: Any, rejects: list[Reject]) -> None:
    await connection.executemany(
        "INSERT INTO archive_rejects (partition, stream_ms, stream_seq, position, raw, reason)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        rejects,
    )
