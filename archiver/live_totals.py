"""The players by area and by mode as Redis keeps them, brought to the moment at which the counters were read.

They follow the log at a pace of their own, so each step of the reading takes down how far they have come, and what the
log has from the moment up to there is taken off again.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from redis.asyncio import Redis

from app.contract.area_mode import split_area_mode
from app.contract.keys import Keys, keys_of
from app.contract.log import Entry, StreamId, parse_stream_id
from app.contract.totals import PAGE_ENTRIES, Uncountable, count_log, moves_of, read_log
from archiver.errors import Disturbed, NotSettled
from archiver.live_state import Counts, LiveState
from archiver.log_follower import PAUSE_SECONDS
from lua import add_totals

STEP_NAMES = 250
PIECES = 1000
# As long as the archiver may need to count them anew.
WAIT_SECONDS = 30
WAIT_PAUSE_SECONDS = 0.1

# What has players: the kind ("area", "mode" or "all") and the name.
Name = tuple[str, bytes]
ALL: Name = ("all", b"areas")


def totals_of(counters: Counts) -> Counts:
    """What the totals have to be, by "area <name>", "mode <name>" and "all areas"."""
    totals: Counter[str] = Counter()
    for area_mode, players in counters.items():
        area, mode = split_area_mode(area_mode)
        for name in (f"area {area}", f"mode {mode}", "all areas"):
            totals[name] += players
    return {name: players for name, players in totals.items() if players}


async def read_totals(redis: Redis, partition: int, state: LiveState) -> Counts:
    """What they were at the moment of `state`, by the names of totals_of().

    Raises Disturbed when the log does not say it, NotSettled when they wait for the archiver, and RedisError.
    """
    keys = keys_of(partition)
    await _counted(redis, keys)
    reading = _Reading(redis, keys)
    names = {ALL, *[("area", name) for name in await reading.names(keys.area_players)]}
    names.update(("mode", name) for name in await reading.names(keys.mode_players))
    for area_mode in state.counters:
        area, mode = split_area_mode(area_mode)
        names.update((("area", area.encode()), ("mode", mode.encode())))
    wanted = sorted(names)
    for first in range(0, len(wanted), STEP_NAMES):
        await reading.read(wanted[first : first + STEP_NAMES])
    if any(last < state.position for last, _ in reading.found.values()):
        raise Disturbed("the totals were counted anew")
    moves = await _moves(redis, keys, state, reading.end)
    totals = {}
    for name, (last, players) in reading.found.items():
        players -= sum(change for at, change in moves[name] if at <= last)
        if players:
            totals[f"{name[0]} {name[1].decode(errors='backslashreplace')}"] = players
    return totals


async def _counted(redis: Redis, keys: Keys) -> None:
    """Waits until they can be counted, and counts them up to now."""
    for _ in range(round(WAIT_SECONDS / WAIT_PAUSE_SECONDS)):
        try:
            while not await count_log(redis, keys, add_totals, PIECES):
                pass
            return
        except Uncountable:
            await asyncio.sleep(WAIT_PAUSE_SECONDS)
    raise NotSettled(f"partition {keys.partition}: the totals wait for the archiver to count them anew")


class _Reading:
    """Reads names, then players, in steps that hold Redis for a moment each.

    `found` has, by name, up to which entry of the log the number counts, and the number.
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis: Any = redis
        self._keys = keys
        self._names = {"area": keys.area_players, "mode": keys.mode_players}
        self.found: dict[Name, tuple[StreamId, int]] = {}
        self.end = StreamId(0, 0)

    async def names(self, key: str) -> list[bytes]:
        """Those that were in a sorted set all the time, and some others."""
        cursor, names = 0, []
        while True:
            cursor, page = await self._redis.zscan(key, cursor, count=STEP_NAMES)
            names += [name for name, _ in page]
            if not cursor:
                return names
            await asyncio.sleep(PAUSE_SECONDS)

    async def read(self, names: list[Name]) -> None:
        """Reads the players of some."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.execute_command("HGET", self._keys.totals, "last")
            for kind, name in names:
                if kind in self._names:
                    pipeline.execute_command("ZSCORE", self._names[kind], name)
                else:
                    pipeline.execute_command("HGET", self._keys.totals, "players")
            last, *players = await pipeline.execute()
        self.end = parse_stream_id(last) if last else self.end
        self.found.update((name, (self.end, int(count or 0))) for name, count in zip(names, players, strict=True))
        await asyncio.sleep(PAUSE_SECONDS)


async def _moves(redis: Redis, keys: Keys, state: LiveState, end: StreamId) -> dict[Name, list[tuple[StreamId, int]]]:
    """(entry, change) of each event behind the moment of `state`, up to an entry. Raises Disturbed."""
    moves: dict[Name, list[tuple[StreamId, int]]] = defaultdict(list)
    position = state.position
    while position < end:
        log_end, entries, _ = await read_log(redis, keys, position, transaction=False)
        if log_end.trimmed > state.entries:
            raise Disturbed("a part of the log was trimmed before it was read")
        for entry in entries:
            for name, change in _changes(entry):
                moves[name].append((entry.id, change))
        if len(entries) < PAGE_ENTRIES:
            break
        position = entries[-1].id
    return moves


def _changes(entry: Entry) -> Iterator[tuple[Name, int]]:
    try:
        for area, mode, change in moves_of(entry):
            yield ("area", area), change
            yield ("mode", mode), change
            yield ALL, change
    except Uncountable as error:
        raise Disturbed(str(error)) from error
