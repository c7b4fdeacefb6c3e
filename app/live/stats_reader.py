"""What the hub reads for its subscribers: the stats of some areas, or the overview of all."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

import orjson

from app.live.counters import LiveCounters
from app.live.monitor import RedisMonitor
from app.live.rankings import areas_by_players, ranking_json


class Subscription(NamedTuple):
    """`areas` in the order asked for; empty for the overview. `limit` 0: all modes, or all areas."""

    areas: tuple[str, ...]
    limit: int


class StatsReader:
    """The answers to many subscriptions: each area is read once, however many subscriptions name it."""

    def __init__(self, counters: LiveCounters, monitor: RedisMonitor) -> None:
        self._counters = counters
        self._monitor = monitor

    async def __call__(self, subscriptions: Iterable[Subscription]) -> dict[Subscription, bytes]:
        """The JSON body of each subscription. Raises Unavailable."""
        areas = list(dict.fromkeys(area for subscription in subscriptions for area in subscription.areas))
        rankings = dict(zip(areas, await asyncio.gather(*(self._counters.ranking(a, 0) for a in areas)), strict=True))
        bodies = {}
        for subscription in subscriptions:
            if subscription.areas:
                parts = [
                    b"%b:%b" % (orjson.dumps(area), ranking_json(rankings[area], subscription.limit))
                    for area in subscription.areas
                ]
                bodies[subscription] = b"{%b}" % b",".join(parts)
            else:
                overview = areas_by_players(await self._counters.overview(), subscription.limit)
                bodies[subscription] = orjson.dumps(overview | self._monitor.metrics._asdict())
        return bodies
