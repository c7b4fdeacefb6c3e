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
from app.live.broadcast import TICK_SECONDS, Broadcast
from app.live.counters import Store
from app.live.monitor import Watch

MAX_AREAS = 100
EVERYTHING = "*"
# How long a browser waits before it comes back.
RETRY = b"retry: 1000\n\n"
HEARTBEAT = b": heartbeat\n\n"
# X-Accel-Buffering: nginx passes on what it gets at once.
HEADERS: list[Header] = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no"), NO_STORE]


class Question(NamedTuple):
    """`areas` in the order asked for; none of them: the overview. `limit` 0: all modes, or all areas."""

    areas: tuple[str, ...]
    limit: int


class Reader:
    """The answers to many questions: each area is read once, whoever asks for it."""

    def __init__(self, store: Store, watch: Watch) -> None:
        self._store = store
        self._watch = watch

    async def __call__(self, questions: Iterable[Question]) -> dict[Question, bytes]:
        """Raises Unavailable."""
        areas = list(dict.fromkeys(area for question in questions for area in question.areas))
        rankings = dict(zip(areas, await asyncio.gather(*(self._store.ranking(a, 0) for a in areas)), strict=True))
        bodies = {}
        for question in questions:
            if question.areas:
                parts = [
                    b"%b:%b" % (orjson.dumps(area), stats_of(rankings[area], question.limit)) for area in question.areas
                ]
                bodies[question] = b"{%b}" % b",".join(parts)
            else:
                overview = overview_of(await self._store.overview(), question.limit)
                bodies[question] = orjson.dumps(overview | self._watch.vitals._asdict())
        return bodies


class StreamStats:
    """A plain ASGI app: a listener costs as little memory as can be (docs/performance.md)."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            question = _question(Request(scope))
            if scope["method"] == "HEAD":
                await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
                await send({"type": "http.response.body"})
                return
            broadcast: Broadcast[Question] = scope["state"]["broadcast"]
            await _stream(broadcast, question, _last_digest(scope), receive, send)
        except Problem as problem:
            await problem.response()(scope, receive, send)


async def _stream(broadcast: Broadcast[Question], question: Question, known: str, receive: Receive, send: Send) -> None:
    async with broadcast.listen(question) as (feed, listener):
        gone = asyncio.ensure_future(disconnected(receive))
        gone.add_done_callback(listener.wake)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            frame, heartbeats = feed.frame, broadcast.heartbeats
            told = frame.digest
            await _send(send, RETRY if told == known else RETRY + frame.sent)
            # Two frames are never closer than a tick, the first two neither.
            await asyncio.wait([gone], timeout=TICK_SECONDS)
            while not gone.done() and not broadcast.closed:
                frame = feed.frame
                if frame.digest != told:
                    told = frame.digest
                    await _send(send, frame.sent)
                elif broadcast.heartbeats != heartbeats:
                    heartbeats = broadcast.heartbeats
                    await _send(send, HEARTBEAT)
                else:
                    await listener.woken()
            await send({"type": "http.response.body"})
        finally:
            gone.cancel()


async def _send(send: Send, body: bytes) -> None:
    """Returns when the connection can take more: until then nothing else is handed to it."""
    await send({"type": "http.response.body", "body": body, "more_body": True})


def _question(request: Request) -> Question:
    """Raises InvalidRequest."""
    only(request, "area_code", "limit")
    areas = area_codes(request, MAX_AREAS)
    limit = whole_number(request, "limit", 0, 1, MAX_RANKS)
    if EVERYTHING in areas:
        if len(areas) > 1:
            raise invalid_query("area_code", "range", f"area_code={EVERYTHING} stands alone")
        return Question((), limit)
    return Question(tuple(areas), limit)


def _last_digest(scope: Scope) -> str:
    """The digest of the frame that the listener had last, before it lost the connection."""
    for name, value in scope["headers"]:
        if name == b"last-event-id":
            return str(value.decode("latin-1").rpartition("-")[2])
    return ""
