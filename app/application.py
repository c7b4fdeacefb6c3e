"""The factory of the ASGI application."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypedDict

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.events import Ingest
from app.batcher import Batcher
from app.contract.connection import connect
from app.contract.keys import keys_of
from app.errors import Problem
from app.routes import routes
from app.settings import Settings
from app.store import Store
from app.watch import Watch

log = logging.getLogger(__name__)


class State(TypedDict):
    """What requests find in `request.state`."""

    settings: Settings
    store: Store
    ingest: Ingest
    watch: Watch


def create_app(settings: Settings) -> Starlette:
    """Starting it raises SettingsMismatch when Redis was opened with another partition count."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[State]:
        redis = connect(settings)
        store = Store(redis, settings)
        await store.closed_reason()
        writers = [connect(settings, single=True) for _ in range(settings.partitions)]
        batchers = [Batcher(writer, keys_of(p), settings) for p, writer in enumerate(writers)]
        ingest = Ingest(batchers)
        watch = Watch(redis, batchers, settings)
        await watch.look()
        watching = asyncio.create_task(watch.run(), name="watch")
        log.info("API started", extra={"action": "start"})
        yield {"settings": settings, "store": store, "ingest": ingest, "watch": watch}
        await ingest.drain()
        watching.cancel()
        for client in (redis, *writers):
            await client.aclose()
        log.info("API stopped", extra={"action": "stop"})

    debug = settings.log_level.lower() == "debug"
    app = Starlette(
        routes=routes(settings),
        lifespan=lifespan,
        middleware=[Middleware(RequestLog)] if debug else [],
        exception_handlers={
            Problem: _problem,
            HTTPException: _http_error,
            ClientDisconnect: _hung_up,
            Exception: _internal_error,
        },
    )
    app.router.redirect_slashes = False
    return app


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _http_error(_: Request, error: Exception) -> Response:
    """404 and 405 of the router, in the form of all errors."""
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    return Problem(error.status_code, code, error.detail, headers=dict(error.headers or {})).response()


async def _hung_up(_: Request, error: Exception) -> Response:
    """The client went away while it sent; nobody reads this answer."""
    return Response(status_code=499)


async def _internal_error(_: Request, error: Exception) -> Response:
    """Starlette raises the error again after this answer, so the server logs it with its traceback."""
    return Problem(500, "internal_error", "Something went wrong here").response()


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

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                line["status"] = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            line["milliseconds"] = round((time.perf_counter() - start) * 1000, 3)
            log.debug("Request", extra=line)
