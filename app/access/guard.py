"""Stands before every endpoint."""

import inspect
from collections.abc import Callable
from typing import Any

from starlette.routing import request_response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.admission import Admission
from app.access.need import Need
from app.access.principal import Principal
from app.errors import Problem
from app.failure_log import ROUTE


class Guard:
    """Calls the endpoint for those who are let in, with their Principal in `request.state.principal`.

    `method` and `template`, its path, name the route for logs and metrics. `direct`: the endpoint is a plain ASGI app;
    another status than 200 it leaves in `scope["status"]`, unless it has `streams`: answers that have no end.
    """

    def __init__(self, endpoint: Callable[..., Any], need: Need, method: str, template: str) -> None:
        self.direct = not inspect.isroutine(endpoint)
        self.need = need
        self._route = f"{method} {template}"
        self.template = template
        self.streams = getattr(endpoint, "streams", False)
        self._endpoint: ASGIApp = endpoint if self.direct else request_response(endpoint)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope["state"]
        state[ROUTE] = self._route
        admission: Admission = state["admission"]
        try:
            principal = state["principal"] = admission.admit(scope, self.need, self._route)
        except Problem as problem:
            scope["template"], scope["status"] = self.template, problem.status
            await problem.response(scope)(scope, receive, send)
            return
        if self.direct:
            await self._endpoint(scope, receive, send)
            return
        scope["template"] = self.template
        try:
            await self._endpoint(scope, receive, _while_valid(principal, send))
        except Ended:
            return  # the server closes the connection: what was sent so far does not look complete


class Ended(Exception):
    """The key was revoked, or has expired, while a long answer was sent."""


def _while_valid(principal: Principal, send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message.get("more_body") and principal.ended:
            raise Ended
        await send(message)

    return sending
