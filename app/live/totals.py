"""Who plays where, over all areas: GET /areas, GET /modes and the overview of the stream."""

import asyncio
import logging
import math
import time
from collections import Counter
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.contract.keys import Keys, keys_of
from app.contract.totals import Uncountable, count_log
from app.errors import Unavailable
from app.live.counters import LiveCounters, pairs, unavailable
from app.settings import Settings
from lua import add_totals

log = logging.getLogger(__name__)

# A page is good for PAGE_SHARE times as long as it took to read, clamped to PAGE_SECONDS (min, max): all who ask for it
# meanwhile share it.
PAGE_SHARE = 10
PAGE_SECONDS = (0.25, 1.0)
MAX_PAGES = 100
# Of the log, counted before an answer. It is that far behind only where no archiver runs and nobody has asked for long.
COUNTED_PIECES = 20
# Areas of which the most played mode is read in one go.
PIPELINE_AREAS = 500


class AreasPage(NamedTuple):
    """Areas by players, from an offset on; `players` and `total` are of all areas."""

    areas: list[dict[str, Any]]
    """area_code, players, top_mode, top_mode_count: as they are answered."""
    players: int
    total: int
    """Areas with players."""


class ModesPage(NamedTuple):
    """(mode, players) by players, from an offset on; `players` and `total` are of all modes."""

    modes: list[tuple[str, int]]
    players: int
    total: int
    """Modes with players."""


class LiveTotals:
    """One per API process. Every method raises Unavailable when Redis does not answer, or the totals are not there."""

    def __init__(self, redis: Redis, counters: LiveCounters, settings: Settings) -> None:
        self._redis = redis
        self._counters = counters
        self._keys = [keys_of(partition) for partition in range(settings.partitions)]
        self._pages: dict[tuple[str, int, int], tuple[float, Any]] = {}  # what -> (valid until, page)
        self._reading = asyncio.Lock()
        self._uncounted: set[Keys] = set()

    async def areas(self, offset: int, limit: int) -> AreasPage:
        """Areas by players, at most a second old."""
        page: AreasPage = await self._page("areas", offset, limit)
        return page

    async def modes(self, offset: int, limit: int) -> ModesPage:
        """Modes by players, at most a second old."""
        page: ModesPage = await self._page("modes", offset, limit)
        return page

    async def _page(self, what: str, offset: int, limit: int) -> Any:
        async with self._reading:
            valid_until, page = self._pages.get((what, offset, limit), (-math.inf, None))
            start = time.monotonic()
            if start < valid_until:
                return page
            try:
                for keys in self._keys:
                    await self._count(keys)
                page = await (self._read_areas if what == "areas" else self._read_modes)(offset, limit)
            except RedisError as error:
                raise unavailable(error) from error
            least, most = PAGE_SECONDS
            age = min(most, max(least, PAGE_SHARE * (time.monotonic() - start)))
            if len(self._pages) >= MAX_PAGES:
                self._pages.clear()
            self._pages[what, offset, limit] = (start + age, page)
            return page

    async def _count(self, keys: Keys) -> None:
        """Brings the totals up to now, as far as the log says how."""
        try:
            await count_log(self._redis, keys, add_totals, COUNTED_PIECES)
            self._uncounted.discard(keys)
        except Uncountable:
            if not await self._redis.exists(keys.totals):
                raise Unavailable("counting", "The areas are being counted", 5) from None
            if keys not in self._uncounted:
                self._uncounted.add(keys)
                log.warning("The totals wait for the archiver to count them anew", extra={"action": "totals"})

    async def _read_areas(self, offset: int, limit: int) -> AreasPage:
        rows, players, total = await self._ranking([keys.area_players for keys in self._keys], offset, limit)
        areas: list[dict[str, Any]] = []
        for first in range(0, len(rows), PIPELINE_AREAS):
            some = rows[first : first + PIPELINE_AREAS]
            tops = await self._counters.rankings([area for area, _ in some], 1)
            areas += [
                {"area_code": area, "players": count, "top_mode": top[0].decode(), "top_mode_count": int(top[1])}
                for (area, count), top in zip(some, tops, strict=True)
                if top
            ]
        return AreasPage(areas, players, total)

    async def _read_modes(self, offset: int, limit: int) -> ModesPage:
        keys = [keys.mode_players for keys in self._keys]
        if len(keys) == 1:
            return ModesPage(*await self._ranking(keys, offset, limit))
        # A mode may be played in several partitions.
        rows, players, _ = await self._ranking(keys, 0, 0)
        modes: Counter[str] = Counter()
        for mode, count in rows:
            modes[mode] += count
        ranking = sorted(modes.items(), key=_rank, reverse=True)
        return ModesPage(ranking[offset : offset + limit], players, len(ranking))

    async def _ranking(self, names: list[str], offset: int, limit: int) -> tuple[list[tuple[str, int]], int, int]:
        """((name, players) by players, the sum of all players, how many names there are) of sorted sets together.

        `limit` 0: all of them.
        """
        single = len(names) == 1
        first, last = offset if single else 0, offset + limit - 1 if limit else -1
        async with self._redis.pipeline(transaction=False) as pipeline:
            for name, keys in zip(names, self._keys, strict=True):
                pipeline.execute_command("HGET", keys.totals, "players")
                pipeline.execute_command("ZCOUNT", name, "(0", "+inf")
                pipeline.execute_command("ZREVRANGE", name, first, last, "WITHSCORES")
            replies = await pipeline.execute()
        rows = [
            (name.decode(), int(count)) for reply in replies[2::3] for name, count in pairs(reply) if int(count) > 0
        ]
        if not single:
            rows.sort(key=_rank, reverse=True)
            rows = rows[offset : offset + limit] if limit else rows
        return rows, sum(int(players or 0) for players in replies[::3]), sum(replies[1::3])


def _rank(row: tuple[str, int]) -> tuple[int, bytes]:
    """The order of ZREVRANGE, reversed: by players, among equals by name."""
    name, players = row
    return players, name.encode()
