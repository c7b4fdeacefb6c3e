"""GET /stats/stream: the stats at once, then each change, as server-sent events."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

import orjson
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from app.api.request import area_codes, disconnected, invalid_query, only, whole_number
from app.api.response import NO_STORE, Header
from app.api.stats import MAX_RANKS, overview_of, stats_of
from app.errors import Problem
from app.live.broadcast import TICK_SECONDS, Hub
from app.live.counters import LiveCounters
from app.live.monitor import RedisMonitor

MAX_AREAS = 100
EVERYTHING = "*"
# How long a browser waits before it comes back.
RETRY = b"retry: 1000\n\n"
HEARTBEAT = b": heartbeat\n\n"
# X-Accel-Buffering: nginx passes on what it gets at once.
HEADERS: list[Header] = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no"), NO_STORE]


class Subscription(NamedTuple):
    """`areas` in the order asked for; none of them: the overview. `limit` 0: all modes, or all areas."""

    areas: tuple[str, ...]
    limit: int


class StatsReader:
    """The answers to many subscriptions: each area is read once, whoever asks for it."""

    def __init__(self, counters: LiveCounters, monitor: RedisMonitor) -> None:
        self._counters = counters
        self._monitor = monitor

    async def __call__(self, subscriptions: Iterable[Subscription]) -> dict[Subscription, bytes]:
        """Raises Unavailable."""
        areas = list(dict.fromkeys(area for subscription in subscriptions for area in subscription.areas))
        rankings = dict(zip(areas, await asyncio.gather(*(self._counters.ranking(a, 0) for a in areas)), strict=True))
        bodies = {}
        for subscription in subscriptions:
            if subscription.areas:
                parts = [
                    b"%b:%b" % (orjson.dumps(area), stats_of(rankings[area], subscription.limit))
                    for area in subscription.areas
                ]
                bodies[subscription] = b"{%b}" % b",".join(parts)
            else:
                overview = overview_of(await self._counters.overview(), subscription.limit)
                bodies[subscription] = orjson.dumps(overview | self._monitor.metrics._asdict())
        return bodies


class StreamStats:
    """A plain ASGI app: a subscriber costs as little memory as can be (docs/performance.md)."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            subscription = _subscription(Request(scope))
            if scope["method"] == "HEAD":
                await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
                await send({"type": "http.response.body"})
                return
            hub: Hub[Subscription] = scope["state"]["hub"]
            await _stream(hub, subscription, _last_digest(scope), receive, send)
        except Problem as problem:
            await problem.response()(scope, receive, send)


async def _stream(hub: Hub[Subscription], subscription: Subscription, known: str, receive: Receive, send: Send) -> None:
    async with hub.subscribe(subscription) as (channel, subscriber):
        gone = asyncio.ensure_future(disconnected(receive))
        gone.add_done_callback(subscriber.wake)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            frame, heartbeats = channel.frame, hub.heartbeats
            told = frame.digest
            await _send(send, RETRY if told == known else RETRY + frame.sent)
            # Two frames are never closer than a tick, the first two neither.
            await asyncio.wait([gone], timeout=TICK_SECONDS)
            while not gone.done() and not hub.closed:
                frame = channel.frame
                if frame.digest != told:
                    told = frame.digest
                    await _send(send, frame.sent)
                elif hub.heartbeats != heartbeats:
                    heartbeats = hub.heartbeats
                    await _send(send, HEARTBEAT)
                else:
                    await subscriber.woken()
            await send({"type": "http.response.body"})
        finally:
            gone.cancel()


async def _send(send: Send, body: bytes) -> None:
    """Returns when the connection can take more: until then nothing else is handed to it."""
    await send({"type": "http.response.body", "body": body, "more_body": True})


def _subscription(request: Request) -> Subscription:
    """Raises InvalidRequest."""
    only(request, "area_code", "limit")
    areas = area_codes(request, MAX_AREAS)
    limit = whole_number(request, "limit", 0, 1, MAX_RANKS)
    if EVERYTHING in areas:
        if len(areas) > 1:
            raise invalid_query("area_code", "range", f"area_code={EVERYTHING} stands alone")
        return Subscription((), limit)
    return Subscription(tuple(areas), limit)


def _last_digest(scope: Scope) -> str:
    """The digest of the frame that the subscriber had last, before it lost the connection."""
    for name, value in scope["headers"]:
        if name == b"last-event-id":
            return str(value.decode("latin-1").rpartition("-")[2])
    return ""
