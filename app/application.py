"""The factory of the ASGI application: routes, error handlers, and the way of the hot paths."""

from contextlib import AbstractAsyncContextManager
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Scope

from app.access.client_address import TrustedProxies
from app.access.entrance import Entrance
from app.access.hosts import Hosts
from app.access.origin import Origins
from app.contract.problem import problem_at
from app.errors import CLIENT_GONE, Problem, internal_error
from app.hot_path import HotPathDispatch
from app.lifespan import State, running
from app.request_log import RequestLog
from app.request_metrics import RequestMetrics
from app.routes import PROBLEM_CODES, routes
from app.settings import Settings, SettingsError
from app.url import canonical_path, url_fault


def create_app(settings: Settings, loopback: bool = False) -> ASGIApp:
    """`loopback`: only this machine can ask.

    Starting it raises SettingsMismatch when Redis was opened with another partition count.
    """

    requests = RequestMetrics(PROBLEM_CODES)

    def lifespan(_: Starlette) -> AbstractAsyncContextManager[State]:
        return running(settings, loopback, requests)

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
    own = [route.path for route in app.routes if isinstance(route, Route)]
    if settings.root_path and any(f"{path}/".startswith(f"{settings.root_path}/") for path in own):
        raise SettingsError("MODEPULSE_ROOT_PATH must be none of the API's own paths")
    entrance = Entrance(
        HotPathDispatch(app, requests),
        Hosts(settings.allowed_hosts, loopback),
        Origins(settings.cors_origins),
        TrustedProxies(settings.trusted_proxies),
        partial(_methods_at, app),
        settings.root_path,
        requests.noting,
    )
    return RequestLog(entrance) if settings.log_level.lower() == "debug" else entrance


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response(request.scope)


async def _http_error(request: Request, error: Exception) -> Response:
    """404 and 405 of the router, in the form of all errors."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        errors = [problem_at(["path"], "not_found", "no such path")]
        return Problem(404, "not_found", error.detail, errors).response(request.scope)
    assert error.status_code == 405
    allow = ", ".join(_methods_at(request.app, request.scope))
    errors = [problem_at(["method"], "method_not_allowed", f"the methods here are {allow}")]
    return Problem(405, "method_not_allowed", error.detail, errors, {"Allow": allow}).response(request.scope)


def _methods_at(app: Starlette, scope: Scope) -> list[str]:
    """The methods of the request's path; the router names those of the first route with this path only."""
    if url_fault(scope):
        return []
    scope = {**scope, "path": canonical_path(scope["raw_path"])}
    routes = [route for route in app.routes if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE]
    return sorted({method for route in routes for method in route.methods or ()})


async def _hung_up(_: Request, error: Exception) -> Response:
    """The client went away while it sent; nobody reads this response."""
    return Response(status_code=CLIENT_GONE)


async def _internal_error(request: Request, error: Exception) -> Response:
    """Starlette raises the error again after this response, so the server logs it with its traceback."""
    return internal_error().response(request.scope)
