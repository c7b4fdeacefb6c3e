"""The one transaction that stores a batch of log entries and moves the checkpoint behind it."""

import logging
from collections import Counter
from dataclasses import replace

import asyncpg

from app.contract.log import Entry, Reject, Row, decode, token_of
from app.contract.postgres import Connection, affected_rows
from app.contract.sql import load_sql
from archiver.checkpoint import Checkpoint, move_checkpoint
from archiver.copy_format import BinaryCopyEncoder
from archiver.counter_deltas import Column, MinuteDeltas, add_delta, unnest_args
from archiver.errors import NotPlainNewRows
from archiver.snapshot import Snapshot
from archiver.stored import Stored, stored_lines

log = logging.getLogger(__name__)

# SQLSTATE classes that say a row cannot be stored, however often it is tried: data, integrity, limits.
DATA_ERROR_CLASSES = ("22", "23", "54")

COLUMNS = Row._fields

CREATE_INCOMING = load_sql("archiver", "create_incoming")
MERGE_INCOMING = load_sql("archiver", "merge_incoming")
ADD_DELTAS = load_sql("archiver", "add_deltas")
ADD_MINUTES = load_sql("archiver", "add_minutes")
ADD_REJECTS = load_sql("archiver", "add_rejects")


async def commit_batch(connection: Connection, checkpoint: Checkpoint, snapshot: Snapshot) -> tuple[Checkpoint, Stored]:
    """Stores what was read and moves the checkpoint behind it; returns that and what was stored.

    Raises Superseded. Rows that cannot be stored go to archive_rejects.
    """
    moved = _behind(checkpoint, snapshot)
    async with connection.transaction():
        await move_checkpoint(connection, checkpoint, moved)
        stored = await _store(connection, checkpoint.partition, snapshot.entries)
    return moved, stored


def _behind(checkpoint: Checkpoint, snapshot: Snapshot) -> Checkpoint:
    """The checkpoint as it is when the snapshot's entries are stored."""
    known = replace(checkpoint, run_id=snapshot.run_id, replid=snapshot.replid, entries_added=snapshot.entries_added)
    if not snapshot.entries:
        return known
    newest = snapshot.entries[-1]
    return replace(known, last=newest.id, last_token=token_of(newest))


async def _store(connection: Connection, partition: int, entries: list[Entry]) -> Stored:
    if not entries:
        return Stored()
    try:
        return stored_lines(await copy_new(connection, partition, entries))
    except NotPlainNewRows:
        rows, rejects = decode(partition, entries)
        return await _insert_idempotent(connection, rows, rejects)


async def copy_new(connection: Connection, partition: int, entries: list[Entry]) -> Counter[bytes]:
    """Copies the entries' events straight into the table, all of them or none; returns how many, by their lines' heads.

    Raises NotPlainNewRows when one of them is stored already or cannot be stored.
    """
    try:
        async with connection.transaction():
            encoder = await copy_binary(connection, partition, entries)
            await _add_minute_deltas(connection, encoder.deltas)
    except (asyncpg.PostgresError, ValueError, OverflowError) as error:
        if not _is_data_error(error):
            raise
        raise NotPlainNewRows from error
    return encoder.heads


async def copy_binary(connection: Connection, partition: int, entries: list[Entry]) -> BinaryCopyEncoder:
    """Copies the entries' events into the table; returns what knows how many, and what they change.

    Raises ValueError.
    """
    encoder = BinaryCopyEncoder(partition, entries)
    await connection.copy_to_table("area_mode_events", source=encoder.chunks(), columns=COLUMNS, format="binary")
    return encoder


async def _add_minute_deltas(connection: Connection, deltas: MinuteDeltas) -> None:
    if deltas:
        await add_counts(connection, *unnest_args(deltas))


async def add_counts(connection: Connection, deltas: list[Column], minutes: list[Column]) -> None:
    """Moves the aggregate and the minutes; the arguments are those that counter_deltas.unnest_args returns."""
    await connection.execute(ADD_DELTAS, *deltas)
    await connection.execute(ADD_MINUTES, *minutes)


async def store_leftovers(connection: Connection, rows: list[Row], rejects: list[Reject]) -> Stored:
    """Stores rows of a log that is about to be replaced; the checkpoint stays where it is."""
    async with connection.transaction():
        return await _insert_idempotent(connection, rows, rejects)


async def _insert_idempotent(connection: Connection, rows: list[Row], rejects: list[Reject]) -> Stored:
    """Rows that are stored already change nothing."""
    await connection.execute(CREATE_INCOMING)
    stored = Stored(len(rows))
    rejects = rejects + await _insert_or_bisect(connection, rows, stored)
    if rejects:
        columns = [list(column) for column in zip(*rejects, strict=True)]
        stored.rejects = affected_rows(await connection.execute(ADD_REJECTS, *columns))
    return stored


async def _insert_or_bisect(connection: Connection, rows: list[Row], stored: Stored) -> list[Reject]:
    """Inserts the rows, and notes the new ones; returns those that cannot be stored, found by halving.

    Rows of an earlier half are still in the temporary table: merged once more, they change nothing.
    """
    try:
        async with connection.transaction():
            events = await _insert(connection, rows)
    except (asyncpg.PostgresError, ValueError, OverflowError) as error:
        if not _is_data_error(error):
            raise
        if len(rows) > 1:
            half = len(rows) // 2
            rejects = await _insert_or_bisect(connection, rows[:half], stored)
            return rejects + await _insert_or_bisect(connection, rows[half:], stored)
        return [_reject(rows[0], error)]
    stored.events.update(events)
    return []


async def _insert(connection: Connection, rows: list[Row]) -> Counter[tuple[str, str]]:
    """Returns those that were new, by kind and outcome."""
    await connection.copy_records_to_table("incoming", records=rows, columns=COLUMNS)
    deltas: MinuteDeltas = {}
    events: Counter[tuple[str, str]] = Counter()
    for row in await connection.fetch(MERGE_INCOMING):
        events[row["events_name"], row["outcome"]] += 1
        if not row["delta"]:
            continue
        time_us = round(row["epoch_timestamp"] * 1_000_000)
        add_delta(deltas, row["area_code"].encode(), row["multiplayer_mode"].encode(), time_us, row["delta"])
    await _add_minute_deltas(connection, deltas)
    return events


def _reject(row: Row, error: Exception) -> Reject:
    log.error("An event cannot be stored", extra={"action": "reject", "event_id": str(row.event_id)})
    reason = f"{type(error).__name__}: {error}"
    return Reject(row.partition, row.stream_ms, row.stream_seq, row.position, repr(tuple(row)).encode(), reason)


def _is_data_error(error: Exception) -> bool:
    """Whether the rows are to blame; else the server is, and the batch is to be tried again."""
    return not isinstance(error, asyncpg.PostgresError) or (error.sqlstate or "")[:2] in DATA_ERROR_CLASSES
