"""What the hub reads for its subscribers: the stats of some areas, or the overview of all."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

import orjson

from app.live.counters import LiveCounters
from app.live.monitor import RedisMonitor
from app.live.rankings import areas_json, ranking_json
from app.live.totals import LiveTotals


class Subscription(NamedTuple):
    """`areas` in the order asked for; empty for the overview. `limit`: of the modes of an area, or of the areas."""

    areas: tuple[str, ...]
    limit: int


class StatsReader:
    """The answers to many subscriptions: each area is read once, however many subscriptions name it."""

    def __init__(self, counters: LiveCounters, totals: LiveTotals, monitor: RedisMonitor) -> None:
        self._counters = counters
        self._totals = totals
        self._monitor = monitor

    async def __call__(self, subscriptions: Iterable[Subscription]) -> dict[Subscription, bytes]:
        """The JSON body of each subscription. Raises Unavailable."""
        areas: dict[str, int] = {}
        for subscription in subscriptions:
            for area in subscription.areas:
                areas[area] = max(subscription.limit, areas.get(area, 0))
        read = await asyncio.gather(*(self._counters.ranking(area, limit) for area, limit in areas.items()))
        rankings = dict(zip(areas, read, strict=True))
        bodies = {}
        for subscription in subscriptions:
            if subscription.areas:
                parts = [
                    b"%b:%b" % (orjson.dumps(area), ranking_json(rankings[area], subscription.limit))
                    for area in subscription.areas
                ]
                bodies[subscription] = b"{%b}" % b",".join(parts)
            else:
                overview = areas_json(await self._totals.areas(0, subscription.limit))
                bodies[subscription] = orjson.dumps(overview | self._monitor.metrics._asdict())
        return bodies
