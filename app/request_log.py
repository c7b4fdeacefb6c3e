"""The log of requests, at level debug."""

import logging
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.request_id import request_id_of
from app.whole_answer import withdraw_whole_answer

log = logging.getLogger(__name__)


class RequestLog:
    """Logs one line a request: method, path, status, milliseconds."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        withdraw_whole_answer(scope)
        start = time.perf_counter()
        line: dict[str, Any] = {"action": "request", "method": scope["method"], "path": scope["path"]}
        line["request_id"] = request_id_of(scope)
        if scope["method"] == "DELETE":
            line["path"] = "/users/..."  # the name of an erased user is written nowhere

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                line["status"] = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            line["milliseconds"] = round((time.perf_counter() - start) * 1000, 3)
            log.debug("Request", extra=line)
