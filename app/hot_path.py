"""The way of the requests that come all the time."""

from bisect import bisect_left
from time import perf_counter

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.access.guard import Guard
from app.errors import internal_error
from app.exposition.histogram import SECONDS, Histogram
from app.request_id import request_id_of
from app.request_metrics import RequestMetrics
from app.url import canonical_path, url_fault


class HotPathDispatch:
    """Finds endpoints that are plain ASGI apps by one dictionary; all other requests go through Starlette.

    Starlette sees the path in its canonical encoding, so that its routes match the whole of what was sent.
    """

    def __init__(self, app: Starlette, metrics: RequestMetrics) -> None:
        self._app = app
        self._metrics = metrics
        # With where to count answers with status 200; None: the endpoint answers without end.
        self._direct: dict[tuple[str, bytes], tuple[Guard, Histogram | None]] = {
            (method, route.path.encode()): (
                route.endpoint,
                None if route.endpoint.streams else metrics.histogram(method, route.endpoint.template, 200),
            )
            for route in app.routes
            if isinstance(route, Route) and isinstance(route.endpoint, Guard) and route.endpoint.direct
            for method in (route.methods or ())
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        endpoint, good = self._direct.get((scope["method"], scope["raw_path"]), _NONE)
        # The paths of the direct endpoints need no decoding.
        if (endpoint is None or scope["query_string"]) and (fault := url_fault(scope)):
            await fault.response(scope)(scope, receive, self._metrics.noting(scope, send))
            return
        if endpoint is None:
            scope["path"] = canonical_path(scope["raw_path"])
            try:
                await self._app(scope, receive, self._metrics.noting(scope, send))
            except Exception as error:
                _name_request(error, scope)
                raise
            return
        if good is None:
            scope["template"] = endpoint.template
            send = self._metrics.noting(scope, send)
        start = perf_counter()
        try:
            await endpoint(scope, receive, send)
        except Exception as error:
            _name_request(error, scope)
            scope["status"] = 500
            await internal_error().response(scope)(scope, receive, send)
            raise
        finally:
            if good is not None:
                seconds = perf_counter() - start
                if "status" in scope:
                    self._metrics.histogram(scope["method"], endpoint.template, scope["status"]).observe(seconds)
                else:
                    good.counts[bisect_left(SECONDS, seconds)] += 1
                    good.sum += seconds


_NONE = (None, None)


def _name_request(error: Exception, scope: Scope) -> None:
    """So that the traceback in the log, which the server writes, shows which request it is."""
    error.add_note(f"request_id: {request_id_of(scope)}")
