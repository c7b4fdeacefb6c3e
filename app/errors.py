"""Refusals as RFC 9457 problem documents.

Problem
├── InvalidRequest   400, 408, 413, 415, 422: the client must change the request; names the places
└── Unavailable      503: the client may retry; says whether anything may have been applied
"""

import asyncio
from collections import Counter
from typing import Any, ClassVar

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.failure_log import note_failure
from app.headers import API_HEADERS
from app.request_id import request_id_of

# For refusals before the body has been read, which makes the connection unusable.
CLOSE = {"Connection": "close"}
CLIENT_GONE = 499
"""The status of a request whose client went away while it sent: nobody reads an answer."""
# A client that is still sending loses the answer if the connection is closed at once.
LINGER_SECONDS = 2


class Problem(Exception):
    """An answer that is an error. `errors` holds `{"loc", "code", "message"}`, `detail` is of this occurrence alone."""

    answered: ClassVar[Counter[str]] = Counter()
    """How many of each code this process has answered with, whatever was refused: a connection, a request."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        errors: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(title)
        self.status = status
        self.code = code
        self.title = title
        self.errors = errors or []
        self.headers = headers or {}
        self.detail = detail

    def body(self, request_id: str = "") -> bytes:
        """The problem document, as JSON; without `request_id` where it goes to several clients."""
        body: dict[str, Any] = {"type": "about:blank", "title": self.title, "status": self.status, "code": self.code}
        if self.detail:
            body["detail"] = self.detail
        if request_id:
            body["request_id"] = request_id
        return orjson.dumps(body | {"errors": self.errors})

    def response(self, scope: Scope) -> Response:
        """The answer that it is to the request of this scope, to be sent once; notes it in the log."""
        Problem.answered[self.code] += 1
        note_failure(scope, self.status, self.code)
        kind = _ClosingResponse if self.headers.get("Connection") == "close" else Response
        return kind(
            self.body(request_id_of(scope)),
            status_code=self.status,
            headers=API_HEADERS | self.headers,
            media_type="application/problem+json",
        )


class _ClosingResponse(Response):
    """Complete at once for the client; the connection is closed when it has nothing more to send, or soon."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while (await receive()).get("more_body"):
                    pass
        except TimeoutError:
            pass
        await send({"type": "http.response.body"})


def internal_error() -> Problem:
    """For what was not foreseen; the log has the traceback."""
    return Problem(500, "internal_error", "Something went wrong here")


class InvalidRequest(Problem):
    """The request cannot be used; nothing of it was applied."""


class Unavailable(Problem):
    """Not now. The code says whether anything may have been applied (docs/reliability.md)."""

    def __init__(self, code: str, title: str, retry_after: int = 1, headers: dict[str, str] | None = None) -> None:
        super().__init__(503, code, title, headers={"Retry-After": str(retry_after), **(headers or {})})
