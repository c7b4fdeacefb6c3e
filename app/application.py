"""The factory of the ASGI application."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypedDict

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.events import PostEvents
from app.api.stats import GetStats
from app.api.stream import StreamStats
from app.archive.erasure import Erasure
from app.archive.pool import ArchivePool
from app.contract.connection import connect
from app.contract.keys import keys_of
from app.errors import Problem, internal_error
from app.live.broadcast import Hub
from app.live.counters import LiveCounters
from app.live.group_commit import GroupCommit
from app.live.ingest import Ingest
from app.live.monitor import RedisMonitor
from app.live.multiplexer import Multiplexer
from app.live.stats_reader import StatsReader, Subscription
from app.routes import routes
from app.settings import Settings

log = logging.getLogger(__name__)


class State(TypedDict):
    """What requests find in `request.state`."""

    settings: Settings
    counters: LiveCounters
    ingest: Ingest
    monitor: RedisMonitor
    archive: ArchivePool
    erasure: Erasure
    hub: Hub[Subscription]


def create_app(settings: Settings) -> ASGIApp:
    """Starting it raises SettingsMismatch when Redis was opened with another partition count."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[State]:
        redis = connect(settings)
        # One connection for reads and one for each partition's writes: none waits behind another's commands.
        reads, *writes = (Multiplexer(redis, settings.redis_timeout_seconds) for _ in range(1 + settings.partitions))
        counters = LiveCounters(redis, reads, settings)
        await counters.closed_reason()
        group_commits = [GroupCommit(link, keys_of(p), settings) for p, link in enumerate(writes)]
        ingest = Ingest(group_commits)
        monitor = RedisMonitor(redis, group_commits, settings)
        await monitor.poll()
        monitoring = asyncio.create_task(monitor.run(), name="monitor")
        log.info("API started", extra={"action": "start"})
        archive = ArchivePool(settings)
        await archive.open()
        yield {
            "settings": settings,
            "counters": counters,
            "ingest": ingest,
            "monitor": monitor,
            "archive": archive,
            "erasure": Erasure(counters, ingest, archive),
            "hub": Hub(StatsReader(counters, monitor)),
        }
        await ingest.drain()
        await archive.close()
        monitoring.cancel()
        for link in (reads, *writes):
            link.close()
        await redis.aclose()
        log.info("API stopped", extra={"action": "stop"})

    app = Starlette(
        routes=routes(settings),
        lifespan=lifespan,
        exception_handlers={
            Problem: _problem,
            HTTPException: _http_error,
            ClientDisconnect: _hung_up,
            Exception: _internal_error,
        },
    )
    app.router.redirect_slashes = False
    dispatch = HotPathDispatch(app)
    return RequestLog(dispatch) if settings.log_level.lower() == "debug" else dispatch


class HotPathDispatch:
    """Hands the requests that come all the time to their endpoints directly; all others go through Starlette."""

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self._direct: dict[tuple[str, str], ASGIApp] = {
            (method, route.path): route.app
            for route in app.routes
            if isinstance(route, Route) and isinstance(route.endpoint, PostEvents | GetStats | StreamStats)
            for method in (route.methods or ())
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            endpoint = self._direct.get((scope["method"], scope["path"]))
            if endpoint is not None:
                try:
                    await endpoint(scope, receive, send)
                except Exception as error:
                    await (await _internal_error(Request(scope), error))(scope, receive, send)
                    raise
                return
        await self._app(scope, receive, send)


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _http_error(request: Request, error: Exception) -> Response:
    """404 and 405 of the router, in the form of all errors."""
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    headers = dict(error.headers or {})
    if error.status_code == 405:
        # The router tells the methods of the first route with this path only.
        routes = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
        headers["Allow"] = ", ".join(sorted({method for route in routes for method in route.methods}))
    return Problem(error.status_code, code, error.detail, headers=headers).response()


async def _hung_up(_: Request, error: Exception) -> Response:
    """The client went away while it sent; nobody reads this answer."""
    return Response(status_code=499)


async def _internal_error(_: Request, error: Exception) -> Response:
    """Starlette raises the error again after this answer, so the server logs it with its traceback."""
    return internal_error().response()


class RequestLog:
    """One line a request, at debug."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        line: dict[str, Any] = {"action": "request", "method": scope["method"], "path": scope["path"]}
        if scope["method"] == "DELETE":
            line["path"] = "/users/..."  # who was erased is written nowhere

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                line["status"] = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            line["milliseconds"] = round((time.perf_counter() - start) * 1000, 3)
            log.debug("Request", extra=line)
