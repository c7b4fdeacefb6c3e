"""The archiver's side of Redis: reads the log, expires sessions, trims behind the checkpoint."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from redis.asyncio import Redis

from app.contract.keys import keys_of
from app.contract.token import TOKEN_DIGITS, event_id, new_token, recorded_at
from lua import expire_sessions, read_events, trim_events

# What stays in Redis although it is archived: healing a Redis that came back older needs it.
KEEP_ENTRIES = 10_000
KEEP_MILLISECONDS = 600_000
EXPIRE_SESSIONS = 200
PAGE_ENTRIES = 500

StreamId = tuple[int, int]
# (where it stands in the log, its fields: name, value, name, value...)
Entry = tuple[StreamId, list[bytes]]
# (event_id, recorded_at, area_code, multiplayer_mode, user_id, events_name, epoch_timestamp, delta, outcome,
#  partition, stream_ms, stream_seq): the columns of area_mode_events
Row = tuple[UUID, datetime, str, str, str, str, float, int, str, int, int, int]
# (partition, stream_ms, stream_seq, position, raw, reason): columns of archive_rejects
Reject = tuple[int, int, int, int, bytes, str]

_NAMES = ("LOGIN", "LOGOUT", "HEARTBEAT", "EXPIRE")
HEADS = {
    name + text: (name, delta, outcome)
    for name in _NAMES
    for text, delta, outcome in (
        ("+1", 1, "applied"),
        ("-1", -1, "applied"),
        (":refreshed", 0, "refreshed"),
        (":stale", 0, "stale"),
        (":late", 0, "late"),
    )
}


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
    reply = await read_events(redis, [keys.epoch, keys.events], [f"{after[0]}-{after[1]}", count])
    epoch, run_id, replid, last_id, added, length, entries = reply
    return Snapshot(
        epoch.decode(),
        run_id.decode(),
        replid.decode(),
        stream_id(last_id),
        added,
        length,
        [(stream_id(at), fields) for at, fields in entries],
    )


async def read_several(redis: Redis, partition: int, after: StreamId, count: int, reads: int) -> Snapshot:
    """Up to `reads` times `count` entries; each read holds Redis for a moment only.

    What it tells besides is as of the last read that still found the same log.
    """
    seen = await read(redis, partition, after, count)
    for _ in range(reads - 1):
        if len(seen.entries) % count or not seen.entries:
            break
        more = await read(redis, partition, seen.entries[-1][0], count)
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
        after = entries[-1][0]


def stream_id(text: bytes) -> StreamId:
    ms, _, seq = text.partition(b"-")
    return int(ms), int(seq)


def decode(partition: int, entries: Iterable[Entry]) -> tuple[list[Row], list[Reject]]:
    """The rows of log entries, and what in them is not an event as lua/record_events.lua writes it."""
    rows: list[Row] = []
    rejects: list[Reject] = []
    for (ms, seq), fields in entries:
        try:
            token, lines, recorded, now = _entry(fields)
        except (ValueError, KeyError, UnicodeDecodeError) as error:
            rejects.append((partition, ms, seq, 0, b"\n".join(fields), f"not an entry of this service: {error}"))
            continue
        for position, line in enumerate(lines):
            if not line:
                continue
            try:
                head, area, mode, user, stamp = line.split("|")
                name, delta, outcome = HEADS.get(head) or head_of(head)
                at = int(stamp) + (now if stamp[0] in "+-" else 0) if stamp else now + position + 1
                row = (
                    event_id(token, position), recorded, area, mode, user, name, at / 1_000_000, delta,
                    outcome, partition, ms, seq,
                )  # fmt: skip
            except (ValueError, KeyError, IndexError) as error:
                rejects.append((partition, ms, seq, position, line.encode(), f"not an event line: {error!r}"))
            else:
                rows.append(row)
    return rows, rejects


def token_of(fields: list[bytes]) -> str:
    """The token of an entry; empty for one that is not of this service."""
    return dict(zip(fields[::2], fields[1::2], strict=False)).get(b"token", b"").decode(errors="replace")


def head_of(text: str) -> tuple[str, int, str]:
    """(events_name, delta, outcome) of a line's first field; raises KeyError. HEAL's delta may be any number."""
    if text.startswith("HEAL") and text[4:5] in ("+", "-") and text[5:].isdigit():
        return "HEAL", int(text[4:]), "applied"
    return HEADS[text]


def _entry(fields: list[bytes]) -> tuple[str, list[str], datetime, int]:
    """(token, lines, recorded_at, the script's time in microseconds)"""
    named = dict(zip(fields[::2], fields[1::2], strict=True))
    token = named[b"token"].decode()
    if len(token) != TOKEN_DIGITS:
        raise ValueError("the token has another length")
    return token, named[b"events"].decode().split("\n"), recorded_at(token), int(named[b"at"])


async def expire(redis: Redis, partition: int, epoch: str, lease_us: int, width: int) -> None:
    """Ends every session whose lease is over."""
    keys = keys_of(partition)
    while await expire_sessions(
        redis, [keys.epoch, keys.events, keys.expiry], [epoch, new_token(), lease_us, width, EXPIRE_SESSIONS]
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
        [keys.epoch, keys.events, keys.let_go],
        [epoch, run_id, replid, *archived, KEEP_ENTRIES, KEEP_MILLISECONDS],
    ):
        removed += trimmed
    return removed


async def publish_archived(redis: Redis, partition: int, archived: StreamId) -> None:
    """For operators only: the checkpoint that counts stands in Postgres."""
    await redis.set(keys_of(partition).archived, f"{archived[0]}-{archived[1]}")


async def set_if_none(redis: Redis, key: str, value: str) -> str:
    """Returns what the key holds then."""
    await redis.set(key, value, nx=True)
    stored: Any = await redis.get(key)
    return str(stored.decode())
