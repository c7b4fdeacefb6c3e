"""Players by area and by mode, kept beside the counters: what GET /areas, GET /modes and the overview read.

They follow the log instead of being moved with every event: a piece of it is summed up and added at once, by whichever
process comes first. `{p}:totals` says up to which entry they are counted, and how many entries that log had been given.
"""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from app.contract.keys import Keys
from app.contract.log import LOG_START, Entry, StreamId, fields_of, parse_stream_id

# What is added in one call: it holds Redis for about a millisecond. A piece ends with an entry, so it may be more.
PIECE_NAMES = 1000
# Of the log, read in one go: an entry has 8 kB as a rule, 300 kB at most.
PAGE_ENTRIES = 20

_moves = re.compile(rb"^[A-Z]+([+-])1\|([^|]*)\|([^|]*)\|", re.MULTILINE).findall
_corrects = re.compile(rb"^HEAL[+-]", re.MULTILINE).search

# lua.add_totals
AddTotals = Callable[[Redis, Sequence[str], Sequence[str | int | bytes]], Awaitable[Any]]


class Uncountable(Exception):
    """The log does not say how the counters came to be what they are: the totals have to be counted from them."""


class LogPiece:
    """What the entries behind `last` change, up to `next`."""

    def __init__(self, last: StreamId) -> None:
        self.last = self.next = last
        self.entries = 0
        self.areas: Counter[bytes] = Counter()
        self.modes: Counter[bytes] = Counter()

    @property
    def full(self) -> bool:
        """Whether it is as much as is added at once."""
        return len(self.areas) + len(self.modes) >= PIECE_NAMES

    def add(self, entry: Entry) -> None:
        """Adds the next entry. Raises Uncountable for one that is not of events as they came in."""
        for area, mode, change in moves_of(entry):
            self.areas[area] += change
            self.modes[mode] += change
        self.next = entry.id
        self.entries += 1


def moves_of(entry: Entry) -> list[tuple[bytes, bytes, int]]:
    """(area, mode, change) of each event that moved a counter. Raises Uncountable where that is not known."""
    fields = fields_of(entry)
    events = fields.get(b"events", b"")
    if b"healed" in fields or (b"HEAL" in events and _corrects(events)):
        raise Uncountable("counters were corrected")
    return [(area, mode, 1 if sign == b"+" else -1) for sign, area, mode in _moves(events)]


async def count_log(redis: Redis, keys: Keys, add_totals: AddTotals, pieces: int) -> bool:
    """Counts on from where the totals are, `pieces` at most; returns whether the log's end was reached.

    Raises Uncountable, and RedisError.
    """
    for _ in range(pieces):
        epoch, last, entries = await _position(redis, keys)
        if epoch is None:
            return True  # closed
        piece, ended = await _next_piece(redis, keys, last, entries)
        if piece.entries:
            args: list[str | int | bytes] = [epoch, str(last), str(piece.next), piece.entries, len(piece.areas)]
            args += chain.from_iterable(piece.areas.items())
            args += chain.from_iterable(piece.modes.items())
            names = [keys.epoch, keys.totals, keys.area_players, keys.mode_players, keys.idle_areas, keys.events]
            await add_totals(redis, names, args)
        if ended:
            return True
    return False


class LogEnd(NamedTuple):
    """The end of the log at a moment."""

    last: StreamId
    """Of the newest entry ever."""
    added: int
    """Entries that it was ever given."""
    trimmed: int
    """Of these, those that are gone."""


async def read_log(
    redis: Redis, keys: Keys, after: StreamId, *commands: tuple[str | int | bytes, ...], transaction: bool = True
) -> tuple[LogEnd, list[Entry], list[Any]]:
    """(where the log ends, up to PAGE_ENTRIES behind an id, the replies to other commands), all of one moment.

    Not as a transaction, the end is that of a moment later: what is not trimmed then was not when the entries were
    read. A Redis 7.0 whose memory is full refuses any transaction.
    """
    async with redis.pipeline(transaction=transaction) as pipeline:
        pipeline.execute_command("XRANGE", keys.events, f"({after}", "+", "COUNT", PAGE_ENTRIES)
        pipeline.execute_command("XINFO", "STREAM", keys.events)
        for command in commands:
            pipeline.execute_command(*command)
        entries, info, *replies = await pipeline.execute(raise_on_error=False)
    for reply in (entries, *replies):
        if isinstance(reply, Exception):
            raise reply
    found = [Entry(parse_stream_id(at), list(chain.from_iterable(fields.items()))) for at, fields in entries]
    return _log_end(info), found, replies


def _log_end(info: Any) -> LogEnd:
    """Of the reply to XINFO STREAM."""
    if isinstance(info, ResponseError) and "no such key" in str(info):
        return LogEnd(LOG_START, 0, 0)
    if isinstance(info, Exception):
        raise info
    named = dict(zip(info[::2], info[1::2], strict=True))
    added = named[b"entries-added"]
    return LogEnd(parse_stream_id(named[b"last-generated-id"]), added, added - named[b"length"])


async def _position(redis: Redis, keys: Keys) -> tuple[bytes | None, StreamId, int]:
    """(the epoch, up to which entry the totals are counted, how many entries the log had been given up to it)"""
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.execute_command("GET", keys.epoch)
        pipeline.execute_command("HMGET", keys.totals, "last", "entries")
        epoch, (last, entries) = await pipeline.execute()
    return epoch, parse_stream_id(last) if last else LOG_START, int(entries or 0)


async def _next_piece(redis: Redis, keys: Keys, last: StreamId, counted: int) -> tuple[LogPiece, bool]:
    """(the piece behind `last`, whether the log ends with it). Raises Uncountable where some of it was trimmed."""
    piece = LogPiece(last)
    while not piece.full:
        end, entries, _ = await read_log(redis, keys, piece.next, transaction=False)
        if end.trimmed > counted + piece.entries:
            raise Uncountable("a part of the log was trimmed before it was counted")
        for entry in entries:
            piece.add(entry)
        if len(entries) < PAGE_ENTRIES:
            return piece, True
    return piece, False
