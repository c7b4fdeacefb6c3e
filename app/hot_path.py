"""The way of the requests that come all the time."""

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.guard import Guard
from app.errors import internal_error


class HotPathDispatch:
    """Finds endpoints that are plain ASGI apps by one dictionary; all other requests go through Starlette."""

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self._direct: dict[tuple[str, str], ASGIApp] = {
            (method, route.path): route.endpoint
            for route in app.routes
            if isinstance(route, Route) and isinstance(route.endpoint, Guard) and route.endpoint.direct
            for method in (route.methods or ())
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            endpoint = self._direct.get((scope["method"], scope["path"]))
            if endpoint is not None:
                try:
                    await endpoint(scope, receive, send)
                except Exception:
                    await internal_error().response()(scope, receive, send)
                    raise
                return
        await self._app(scope, receive, send)
