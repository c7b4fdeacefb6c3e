"""How far a partition's log has been archived: a row of Postgres, moved by compare-and-swap."""

from dataclasses import dataclass

from app.contract.log import LOG_START, StreamId
from app.contract.postgres import Connection, Record, affected_rows
from app.contract.sql import load_sql
from archiver.errors import Superseded

READ_CHECKPOINT = load_sql("archiver", "read_checkpoint")
OPEN_CHECKPOINT = load_sql("archiver", "open_checkpoint")
MOVE_CHECKPOINT = load_sql("archiver", "move_checkpoint")
REWIND_CHECKPOINT = load_sql("archiver", "rewind_checkpoint")
CHANGE_EPOCH = load_sql("archiver", "change_epoch")
TOP_POSITION = load_sql("archiver", "top_position")


@dataclass(frozen=True)
class Checkpoint:
    """A row of archive_checkpoint."""

    partition: int
    epoch: str
    """The token in `{p}:epoch` of the Redis that this checkpoint belongs to."""
    generation: int
    """Counts how often the position was set back; with it and `last` a writer proves that its read is current."""
    last: StreamId
    """The last archived entry."""
    run_id: str
    """Of the Redis process that the log was read from; empty after a rewind."""
    replid: str
    """The replication id of that Redis."""
    entries_added: int
    """How many entries that log had ever been given."""
    last_token: str
    """The token of the entry at `last`."""
    healing: bool
    """Redis has lost archived events and has not been given all of them back."""


async def read_checkpoint(connection: Connection, partition: int) -> Checkpoint | None:
    """None before the partition's first start."""
    row = await connection.fetchrow(READ_CHECKPOINT, partition)
    return _of_row(row) if row is not None else None


async def open_checkpoint(connection: Connection, partition: int, epoch: str) -> Checkpoint:
    """Creates the partition's checkpoint unless there is one; returns the one there is."""
    await connection.execute(OPEN_CHECKPOINT, partition, epoch)
    checkpoint = await read_checkpoint(connection, partition)
    assert checkpoint is not None
    return checkpoint


async def move_checkpoint(connection: Connection, before: Checkpoint, after: Checkpoint) -> None:
    """Moves the checkpoint on in its generation. Raises Superseded when it is no longer where `before` says."""
    status = await connection.execute(
        MOVE_CHECKPOINT,
        before.partition,
        before.generation,
        before.last.ms,
        before.last.seq,
        after.last.ms,
        after.last.seq,
        after.entries_added,
        after.run_id,
        after.replid,
        after.last_token,
    )
    if affected_rows(status) != 1:
        raise Superseded


async def rewind(connection: Connection, checkpoint: Checkpoint, healing: bool) -> Checkpoint:
    """Sets the checkpoint back to the log's start; rows stored before change nothing. Raises Superseded."""
    row = await connection.fetchrow(REWIND_CHECKPOINT, checkpoint.partition, checkpoint.generation, healing)
    if row is None:
        raise Superseded
    return _of_row(row)


async def change_epoch(connection: Connection, partition: int, epoch: str) -> None:
    """From now on the checkpoint belongs to the Redis with this epoch."""
    await connection.execute(CHANGE_EPOCH, partition, epoch)


async def top_position(connection: Connection, partition: int) -> StreamId:
    """The highest position of the log that was ever archived; LOG_START for none."""
    row = await connection.fetchrow(TOP_POSITION, partition)
    return StreamId(row["stream_ms"], row["stream_seq"]) if row is not None else LOG_START


def _of_row(row: Record) -> Checkpoint:
    return Checkpoint(
        partition=row["partition"],
        epoch=row["epoch"],
        generation=row["generation"],
        last=StreamId(row["last_ms"], row["last_seq"]),
        run_id=row["run_id"],
        replid=row["replid"],
        entries_added=row["entries_added"],
        last_token=row["last_token"],
        healing=row["healing"],
    )
