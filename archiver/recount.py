"""Counts the players by area and by mode anew, from the counters, while events come in.

Needed where the log does not say it: after an upgrade from a release without totals, after healing, or when the log
was trimmed by an older archiver. The counters are read in steps of about a millisecond; what was read is kept up to
date by what the log has had since, so that in the end all of it is of one moment.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any, cast

from redis.asyncio import Redis

from app.contract.keys import Keys
from app.contract.log import StreamId
from app.contract.totals import PAGE_ENTRIES, LogEnd, Uncountable, moves_of, read_log
from lua import set_totals

SCAN_AREAS = 500
# Read in one step: so many areas, or areas of so many modes together.
STEP_AREAS = 200
STEP_MODES = 2000
WRITE_NAMES = 500
END_OF_ANY_LOG = StreamId(2**63, 0)


async def recount(redis: Redis, keys: Keys) -> int:
    """Returns how many players there are. Raises Uncountable when the counting was disturbed, and RedisError."""
    epoch: Any = await redis.get(keys.epoch)
    counting = _Counting(redis, keys)
    end = await counting.run()
    await _write(redis, keys.new_area_players, counting.areas)
    await _write(redis, keys.new_mode_players, counting.modes)
    players = counting.areas.total()
    names = [keys.epoch, keys.totals, keys.area_players, keys.mode_players]
    names += [keys.new_area_players, keys.new_mode_players]
    await set_totals(redis, names, [epoch or "", str(end.last), end.added, players])
    return players


async def _write(redis: Redis, key: str, players: Counter[bytes]) -> None:
    """Writes a sorted set anew, in steps."""
    await redis.unlink(key)
    names = iter(players.items())
    while some := list(islice(names, WRITE_NAMES)):
        pairs = chain.from_iterable((count, name) for name, count in some if count)
        if args := list(pairs):
            await cast("Any", redis).execute_command("ZADD", key, *args)


class _Counting:
    """`areas` and `modes` are complete, and of one moment, when it has run."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._read: set[bytes] = set()  # areas whose counters were read
        self._named: set[bytes] = set()  # areas that the log has named since
        self.areas: Counter[bytes] = Counter()
        self.modes: Counter[bytes] = Counter()

    async def run(self) -> LogEnd:
        """Returns the moment. Raises Uncountable, RedisError."""
        self._start, _, _ = await read_log(self._redis, self._keys, END_OF_ANY_LOG)
        self._position, self._entries = self._start.last, self._start.added
        cursor: Any = 0
        while True:
            cursor, names = await cast("Any", self._redis).sscan(self._keys.areas, cursor, count=SCAN_AREAS)
            end = await self._read_areas(set(names) - self._read)
            if not int(cursor):
                break
        # An area that became known meanwhile may have escaped the scan, but not the log.
        while unread := self._named - self._read:
            end = await self._read_areas(unread)
        return end

    async def _read_areas(self, names: set[bytes]) -> LogEnd:
        """Returns the moment of the last step; there is one even without names."""
        areas = sorted(names)
        async with self._redis.pipeline(transaction=False) as pipeline:
            for area in areas:
                pipeline.execute_command("ZCARD", self._counters(area))
            sizes = await pipeline.execute() if areas else []
        end = await self._observe(())
        for step in _steps(areas, sizes):
            end = await self._observe(step)
        return end

    async def _observe(self, areas: Sequence[bytes]) -> LogEnd:
        """Reads these areas, and the log up to the same moment for those that were read before."""
        commands = [("ZRANGE", self._counters(area), 0, -1, "WITHSCORES") for area in areas]
        end, entries, rankings = await read_log(self._redis, self._keys, self._position, *commands)
        while entries:
            for entry in entries:
                if entry.id <= end.last:
                    self._entries += 1
                    for area, mode, change in moves_of(entry):
                        self._change(area, mode, change)
            self._position = entries[-1].id
            if len(entries) < PAGE_ENTRIES or self._position >= end.last:
                break
            _, entries, _ = await read_log(self._redis, self._keys, self._position)
        self._position = end.last
        if self._entries != end.added:
            raise Uncountable("a part of the log was trimmed before it was read, or this is another log")
        for area, ranking in zip(areas, rankings, strict=True):
            self._read.add(area)
            for mode, players in zip(ranking[::2], ranking[1::2], strict=True):
                self._change(area, mode, int(players))
        await self._note_idle([area for area, ranking in zip(areas, rankings, strict=True) if not ranking])
        return end

    def _change(self, area: bytes, mode: bytes, change: int) -> None:
        self._named.add(area)
        if area in self._read:
            self.areas[area] += change
            self.modes[mode] += change

    async def _note_idle(self, areas: Sequence[bytes]) -> None:
        """Lets areas without players be forgotten in time, also those that an older release made known."""
        if areas:
            pairs = chain.from_iterable((int(time.time()), area) for area in areas)
            await cast("Any", self._redis).execute_command("ZADD", self._keys.idle_areas, "NX", *pairs)

    def _counters(self, area: bytes) -> bytes:
        return self._keys.area("").encode() + area


def _steps(areas: Sequence[bytes], sizes: Sequence[int]) -> Iterator[list[bytes]]:
    """The areas, as many at a time as hold Redis for a moment only."""
    step: list[bytes] = []
    modes = 0
    for area, size in zip(areas, sizes, strict=True):
        if step and (len(step) >= STEP_AREAS or modes + size > STEP_MODES):
            yield step
            step, modes = [], 0
        step.append(area)
        modes += size
    if step:
        yield step
