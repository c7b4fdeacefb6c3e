"""Refusals as RFC 9457 problem documents.

Problem
├── InvalidRequest   400, 408, 413, 415, 422: the client must change the request; names the places
└── Unavailable      503: the client may retry; says whether anything may have been applied
"""

from typing import Any

import orjson
from starlette.responses import Response

from app.headers import API_HEADERS


class Problem(Exception):
    """An answer that is an error. `errors` holds `{"loc", "code", "message"}`."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        errors: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.code = code
        self.title = title
        self.errors = errors or []
        self.headers = headers or {}

    def body(self) -> bytes:
        """The problem document, as JSON."""
        body = {"type": "about:blank", "title": self.title, "status": self.status, "code": self.code}
        return orjson.dumps(body | {"errors": self.errors})

    def response(self) -> Response:
        """The answer that it is."""
        return Response(
            self.body(),
            status_code=self.status,
            headers=API_HEADERS | self.headers,
            media_type="application/problem+json",
        )


def internal_error() -> Problem:
    """For what was not foreseen; the log has the traceback."""
    return Problem(500, "internal_error", "Something went wrong here")


class InvalidRequest(Problem):
    """The request cannot be used; nothing of it was applied."""


class Unavailable(Problem):
    """Not now. The code says whether anything may have been applied (docs/reliability.md)."""

    def __init__(self, code: str, title: str, retry_after: int = 1) -> None:
        super().__init__(503, code, title, headers={"Retry-After": str(retry_after)})
