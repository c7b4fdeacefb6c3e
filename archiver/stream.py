"""The archiver's side of Redis: reads the log, expires sessions, trims behind the checkpoint."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, TypeAlias

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from app.contract.keys import keys_of
from app.contract.log import Entry, StreamId, parse_stream_id
from app.contract.token import new_token
from archiver.snapshot import Snapshot
from lua import expire_sessions, forget_areas, load_all, read_log_state, trim_events

# Archived entries that stay in Redis all the same: healing a Redis that came back older needs them.
KEEP_ENTRIES = 10_000
KEEP_MILLISECONDS = 600_000
EXPIRE_SESSIONS = 200  # at most, in one call
IDLE_SECONDS = 86_400
FORGET_AREAS = 500  # at most, in one call
# An entry has 8 kB as a rule, 300 kB where all names are as long as they may be: then this takes Redis a millisecond.
PAGE_ENTRIES = 20

# The words of a Redis command.
Command: TypeAlias = tuple[str | int | bytes, ...]


async def read(redis: Redis, partition: int, after: StreamId, count: int) -> Snapshot:
    """The state of the log and up to `count` of its entries behind `after`, all at one moment."""
    snapshot, _ = await read_with(redis, partition, after, count, ())
    return snapshot


async def read_with(
    redis: Redis, partition: int, after: StreamId, count: int, commands: Sequence[Command]
) -> tuple[Snapshot, list[Any]]:
    """What `read` returns, and the replies to other commands at the same moment: nothing happens in between."""
    try:
        return await _read_with(redis, partition, after, count, commands)
    except NoScriptError:
        await load_all(redis)
        return await _read_with(redis, partition, after, count, commands)


async def _read_with(
    redis: Redis, partition: int, after: StreamId, count: int, commands: Sequence[Command]
) -> tuple[Snapshot, list[Any]]:
    keys = keys_of(partition)
    async with redis.pipeline(transaction=True) as pipeline:
        pipeline.execute_command("EVALSHA", read_log_state.sha, 2, keys.epoch, keys.events)
        pipeline.execute_command("XRANGE", keys.events, f"({after}", "+", "COUNT", count)
        for command in commands:
            pipeline.execute_command(*command)
        state, entries, *replies = await pipeline.execute()
    epoch, run_id, replid, last_id, added, length = state
    snapshot = Snapshot(
        epoch=epoch.decode(),
        run_id=run_id.decode(),
        replid=replid.decode(),
        last_id=parse_stream_id(last_id),
        entries_added=added,
        length=length,
        entries=[Entry(parse_stream_id(at), list(chain.from_iterable(fields.items()))) for at, fields in entries],
    )
    return snapshot, replies


async def read_several(redis: Redis, partition: int, after: StreamId, count: int, reads: int) -> Snapshot:
    """Up to `reads` times `count` entries; each read holds Redis for a moment only.

    The rest of the snapshot is as of the last read that still found the same log.
    """
    snapshot = await read(redis, partition, after, count)
    for _ in range(reads - 1):
        if len(snapshot.entries) % count or not snapshot.entries:
            break
        more = await read(redis, partition, snapshot.entries[-1].id, count)
        if more.identity != snapshot.identity or not more.entries:
            break
        snapshot = replace(more, entries=snapshot.entries + more.entries)
    return snapshot


async def pages(redis: Redis, partition: int, after: StreamId) -> AsyncIterator[list[Entry]]:
    """The entries of the log behind an id, up to PAGE_ENTRIES at a time; the last page may be empty."""
    while True:
        entries = (await read(redis, partition, after, PAGE_ENTRIES)).entries
        yield entries
        if len(entries) < PAGE_ENTRIES:
            return
        after = entries[-1].id


async def expire(redis: Redis, partition: int, epoch: str, lease_us: int, bucket_seconds: int) -> None:
    """Ends every session whose lease (in microseconds) is over. `bucket_seconds` is the width of the timer wheel."""
    keys = keys_of(partition)
    while await expire_sessions(
        redis,
        [keys.epoch, keys.events, keys.areas, keys.expiry, keys.mode_players],
        [epoch, new_token(), lease_us, bucket_seconds, EXPIRE_SESSIONS],
    ):
        pass


async def forget_idle_areas(redis: Redis, partition: int, epoch: str) -> None:
    """Forgets the areas that had no players for IDLE_SECONDS."""
    keys = keys_of(partition)
    names = [keys.epoch, keys.areas, keys.idle_areas]
    while await forget_areas(redis, names, [epoch, IDLE_SECONDS, FORGET_AREAS]) == FORGET_AREAS:
        pass


async def trim(redis: Redis, partition: int, epoch: str, run_id: str, replid: str, archived: StreamId) -> int:
    """Removes old entries up to `archived`, a position committed in Postgres; returns how many.

    Leaves a log alone that is not the one that was read (by epoch, run id, replication id).
    """
    keys = keys_of(partition)
    removed = 0
    while trimmed := await trim_events(
        redis,
        [keys.epoch, keys.events, keys.purge_before, keys.let_go],
        [epoch, run_id, replid, *archived, KEEP_ENTRIES, KEEP_MILLISECONDS],
    ):
        removed += trimmed
    return removed


async def publish_archived(redis: Redis, partition: int, archived: StreamId) -> None:
    """Writes `{p}:archived`, for operators only: the checkpoint that counts is in Postgres."""
    await redis.set(keys_of(partition).archived, str(archived))


async def set_if_none(redis: Redis, key: str, value: str) -> str:
    """Sets the key unless it has a value; returns the value it has then."""
    await redis.set(key, value, nx=True)
    stored: Any = await redis.get(key)
    return str(stored.decode())
