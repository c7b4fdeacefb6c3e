"""How many requests, and how long each waited for its answer."""

from collections.abc import Awaitable, Iterable
from time import perf_counter

from starlette.types import Message, Scope, Send

from app.exposition.histogram import Histogram

UNMATCHED = "unmatched"
"""In the place of the path, where a request reached no route: whatever it was, it makes no label of its own."""
OTHER = "other"
"""In the place of the method, where it is none of METHODS."""
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class RequestMetrics:
    """The seconds from a request's headers to the start of its answer. One per API process.

    `codes`: of the refusals that may occur, so that those that have not are shown as none.
    """

    def __init__(self, codes: Iterable[str] = ()) -> None:
        self.codes = tuple(codes)
        self.by_kind: dict[tuple[str, str, int], Histogram] = {}
        """By method, path template and status."""

    def histogram(self, method: str, template: str, status: int) -> Histogram:
        """Of a kind of requests. The busiest ones are counted by whoever answers them, without a call."""
        kind = (method if method in METHODS else OTHER, template, status)
        found = self.by_kind.get(kind)
        if found is None:
            found = self.by_kind[kind] = Histogram()
        return found

    def noting(self, scope: Scope, send: Send) -> Send:
        """Counts the request when its answer starts: streams and exports go on for long after that.

        app.access.guard has named its template by then, unless it was refused before it reached a route.
        """
        start = perf_counter()

        def noting(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                template = scope.get("template", UNMATCHED)
                self.histogram(scope["method"], template, message["status"]).observe(perf_counter() - start)
            return send(message)

        return noting
