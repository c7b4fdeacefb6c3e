"""The factory of the ASGI application: routes, error handlers, and the way of the hot paths."""

from contextlib import AbstractAsyncContextManager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp

from app.contract.problem import problem_at
from app.errors import Problem, internal_error
from app.hot_path import HotPathDispatch
from app.lifespan import State, running
from app.request_log import RequestLog
from app.routes import routes
from app.settings import Settings


def create_app(settings: Settings, loopback: bool = False) -> ASGIApp:
    """`loopback`: only this machine can ask.

    Starting it raises SettingsMismatch when Redis was opened with another partition count.
    """

    def lifespan(_: Starlette) -> AbstractAsyncContextManager[State]:
        return running(settings, loopback)

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


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _http_error(request: Request, error: Exception) -> Response:
    """404 and 405 of the router, in the form of all errors."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return Problem(404, "not_found", error.detail, [problem_at(["path"], "not_found", "no such path")]).response()
    assert error.status_code == 405
    # The router names the methods of the first route with this path only.
    routes = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    allow = ", ".join(sorted({method for route in routes for method in route.methods}))
    errors = [problem_at(["method"], "method_not_allowed", f"the methods here are {allow}")]
    return Problem(405, "method_not_allowed", error.detail, errors, {"Allow": allow}).response()


async def _hung_up(_: Request, error: Exception) -> Response:
    """The client went away while it sent; nobody reads this response."""
    return Response(status_code=499)


async def _internal_error(_: Request, error: Exception) -> Response:
    """Starlette raises the error again after this response, so the server logs it with its traceback."""
    return internal_error().response()
