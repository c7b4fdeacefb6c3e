"""GET /stats/stream: the stats at once, then each change, as server-sent events."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from app.access.client_address import client_address
from app.access.principal import Principal
from app.api.body import disconnected
from app.api.request import area_codes, invalid_query, reject_unknown, whole_number
from app.api.response import RAW_API_HEADERS, Header
from app.bounds import ALL_AREAS, DEFAULT_RANKS, DEFAULT_ROWS, MAX_RANKS, MAX_ROWS, MAX_STREAM_AREAS
from app.errors import Problem, Unavailable
from app.live.broadcast import TICK_SECONDS, Hub
from app.live.stats_reader import Subscription
from app.occupancy import Occupancy
from app.settings import Settings

# Milliseconds that a browser waits before it reconnects.
RETRY = b"retry: 1000\n\n"
# Where there is no room for one more listener.
RETRY_SECONDS = 5
HEARTBEAT = b": heartbeat\n\n"
# X-Accel-Buffering: nginx forwards each frame at once.
HEADERS: list[Header] = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no"), *RAW_API_HEADERS]


class StreamStats:
    """A plain ASGI app: a subscriber costs as little memory as can be (docs/performance.md)."""

    streams = True

    def __init__(self, settings: Settings) -> None:
        self._listeners = Occupancy(
            settings.max_listeners, settings.listeners_per_address, _listeners_full, _too_many_listeners
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            subscription = _subscription(Request(scope))
            if scope["method"] == "HEAD":
                await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
                await send({"type": "http.response.body"})
                return
            hub: Hub[Subscription] = scope["state"]["hub"]
            principal: Principal = scope["state"]["principal"]
            with self._place(scope):
                await _stream(hub, subscription, principal, _last_digest(scope), receive, send)
        except Problem as problem:
            await problem.response(scope)(scope, receive, send)

    @contextmanager
    def _place(self, scope: Scope) -> Iterator[None]:
        """Raises Problem when there is none."""
        address = client_address(scope)
        refusal = self._listeners.enter(address)
        try:
            if refusal is not None:
                raise refusal
            yield
        finally:
            self._listeners.leave(address)


async def _stream(
    hub: Hub[Subscription],
    subscription: Subscription,
    principal: Principal,
    known: str,
    receive: Receive,
    send: Send,
) -> None:
    """Sends frames until the client is gone, its key is no longer valid, or the hub closes.

    `known`: the digest of the frame the client has.

    Raises Problem when the first frame cannot be read; later ones arrive as frames of their own.
    """
    async with hub.subscribe(subscription) as (channel, subscriber):
        gone = asyncio.ensure_future(disconnected(receive))
        gone.add_done_callback(subscriber.wake)
        principal.hold(gone)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            frame, heartbeats = channel.frame, hub.heartbeats
            sent = frame.digest
            await _send(send, RETRY if sent == known else RETRY + frame.sent)
            # Two frames are at least a tick apart, the first two included.
            await asyncio.wait([gone], timeout=TICK_SECONDS)
            while not gone.done() and not hub.closed:
                frame = channel.frame
                if frame.digest != sent:
                    sent = frame.digest
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
    reject_unknown(request, "area_code", "limit")
    areas = area_codes(request, MAX_STREAM_AREAS)
    if ALL_AREAS in areas:
        if len(areas) > 1:
            raise invalid_query("area_code", "range", f"area_code={ALL_AREAS} stands alone")
        return Subscription((), whole_number(request, "limit", DEFAULT_ROWS, 1, MAX_ROWS))
    return Subscription(tuple(areas), whole_number(request, "limit", DEFAULT_RANKS, 1, MAX_RANKS))


def _listeners_full() -> Unavailable:
    return Unavailable("listeners_full", "There are too many listeners", RETRY_SECONDS)


def _too_many_listeners() -> Problem:
    headers = {"Retry-After": str(RETRY_SECONDS)}
    return Problem(429, "too_many_listeners", "This address has too many listeners", headers=headers)


def _last_digest(scope: Scope) -> str:
    """The digest in `Last-Event-ID`, which a subscriber sends when it reconnects; empty without one."""
    for name, value in scope["headers"]:
        if name == b"last-event-id":
            return str(value.decode("latin-1").rpartition("-")[2])
    return ""
