"""The way of the requests that come all the time."""

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.guard import Guard
from app.errors import internal_error
from app.request_id import request_id_of
from app.url import canonical_path, url_fault


class HotPathDispatch:
    """Finds endpoints that are plain ASGI apps by one dictionary; all other requests go through Starlette.

    Starlette sees the path in its canonical encoding, so that its routes match the whole of what was sent.
    """

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self._direct: dict[tuple[str, bytes], ASGIApp] = {
            (method, route.path.encode()): route.endpoint
            for route in app.routes
            if isinstance(route, Route) and isinstance(route.endpoint, Guard) and route.endpoint.direct
            for method in (route.methods or ())
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if fault := url_fault(scope):
                await fault.response(scope)(scope, receive, send)
                return
            endpoint = self._direct.get((scope["method"], scope["raw_path"]))
            if endpoint is not None:
                try:
                    await endpoint(scope, receive, send)
                except Exception as error:
                    _name_request(error, scope)
                    await internal_error().response(scope)(scope, receive, send)
                    raise
                return
            scope["path"] = canonical_path(scope["raw_path"])
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            _name_request(error, scope)
            raise


def _name_request(error: Exception, scope: Scope) -> None:
    """So that the traceback in the log, which the server writes, shows which request it is."""
    error.add_note(f"request_id: {request_id_of(scope)}")
