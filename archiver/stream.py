"""The archiver's side of Redis: reads the log, expires sessions, trims behind the checkpoint."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

from redis.asyncio import Redis

from app.contract.keys import keys_of
from app.contract.log import Entry, StreamId, parse_stream_id
from app.contract.token import new_token
from lua import expire_sessions, read_events, trim_events

# What stays in Redis although it is archived: healing a Redis that came back older needs it.
KEEP_ENTRIES = 10_000
KEEP_MILLISECONDS = 600_000
EXPIRE_SESSIONS = 200
PAGE_ENTRIES = 500


@dataclass(frozen=True)
class Snapshot:
    """What one reading script call saw, all at the same moment."""

    epoch: str
    run_id: str
    replid: str
    last_id: StreamId
    entries_added: int
    length: int
    entries: list[Entry]


async def read(redis: Redis, partition: int, after: StreamId, count: int) -> Snapshot:
    keys = keys_of(partition)
    reply = await read_events(redis, [keys.epoch, keys.events], [str(after), count])
    epoch, run_id, replid, last_id, added, length, entries = reply
    return Snapshot(
        epoch.decode(),
        run_id.decode(),
        replid.decode(),
        parse_stream_id(last_id),
        added,
        length,
        [Entry(parse_stream_id(at), fields) for at, fields in entries],
    )


async def read_several(redis: Redis, partition: int, after: StreamId, count: int, reads: int) -> Snapshot:
    """Up to `reads` times `count` entries; each read holds Redis for a moment only.

    What it tells besides is as of the last read that still found the same log.
    """
    seen = await read(redis, partition, after, count)
    for _ in range(reads - 1):
        if len(seen.entries) % count or not seen.entries:
            break
        more = await read(redis, partition, seen.entries[-1].id, count)
        if (more.epoch, more.run_id, more.replid) != (seen.epoch, seen.run_id, seen.replid) or not more.entries:
            break
        seen = replace(more, entries=seen.entries + more.entries)
    return seen


async def pages(redis: Redis, partition: int, after: StreamId) -> AsyncIterator[list[Entry]]:
    """The entries of the log behind an id, a page at a time, until a page is not full."""
    while True:
        entries = (await read(redis, partition, after, PAGE_ENTRIES)).entries
        yield entries
        if len(entries) < PAGE_ENTRIES:
            return
        after = entries[-1].id


async def expire(redis: Redis, partition: int, epoch: str, lease_us: int, width: int) -> None:
    """Ends every session whose lease is over."""
    keys = keys_of(partition)
    while await expire_sessions(
        redis,
        [keys.epoch, keys.events, keys.areas, keys.expiry],
        [epoch, new_token(), lease_us, width, EXPIRE_SESSIONS],
    ):
        pass


async def trim(redis: Redis, partition: int, epoch: str, run_id: str, replid: str, archived: StreamId) -> int:
    """Removes what is archived and old; returns how many entries. `archived` is committed in Postgres.

    Does nothing to a log that is another than the one that was read (epoch, run id, replication id).
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
    """For operators only: the checkpoint that counts stands in Postgres."""
    await redis.set(keys_of(partition).archived, str(archived))


async def set_if_none(redis: Redis, key: str, value: str) -> str:
    """Returns what the key holds then."""
    await redis.set(key, value, nx=True)
    stored: Any = await redis.get(key)
    return str(stored.decode())
