"""/login and /logout: the page exchanges a key for a cookie."""

import logging
import time
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from app.access.admission import Admission
from app.access.client_address import client_address
from app.access.need import READ, Need
from app.access.principal import Principal
from app.access.session import Sessions
from app.api.body import parse_json, read_body
from app.api.response import json_response
from app.contract.api_key import Scope
from app.contract.problem import problem_at
from app.errors import InvalidRequest, Problem
from app.settings import Settings

log = logging.getLogger(__name__)

# The least that a key has to permit for the page to show anything.
LOGIN = Need(Scope.READ, always=True)
FORM = "application/x-www-form-urlencoded"


async def get_login(request: Request) -> Response:
    """Whether a key is needed to read, and the name of the one that this request came with, in its cookie or header.

    Also whether this is a developer's service, whose page shows how to send events.
    """
    admission: Admission = request.state.admission
    try:
        principal = admission.admit(request.scope, READ, "GET /login")
    except Problem as problem:
        if problem.status not in (401, 403):
            raise
        return _answer(request, None)
    return _answer(request, principal)


async def post_login(request: Request) -> Response:
    """Starts a session of the key in the body. Wrong keys are refused as everywhere."""
    admission: Admission = request.state.admission
    sessions: Sessions = request.state.sessions
    headers = [(b"x-api-key", await _key(request))]
    principal = admission.admit({**request.scope, "headers": headers}, LOGIN, "POST /login")
    answer = _answer(request, principal)
    answer.headers["Set-Cookie"] = sessions.cookie(principal.id, time.time(), request.scope["scheme"] == "https")
    extra = {"action": "login", "key": principal.id, "address": client_address(request.scope)}
    log.info("Somebody logged in", extra=extra)
    return answer


async def post_logout(request: Request) -> Response:
    """Takes the cookie from the browser; without one it is the same. What it held is of use until it ends."""
    sessions: Sessions = request.state.sessions
    answer = _answer(request, None)
    answer.headers["Set-Cookie"] = sessions.end(request.scope["scheme"] == "https")
    return answer


def _answer(request: Request, principal: Principal | None) -> Response:
    admission: Admission = request.state.admission
    settings: Settings = request.state.settings
    known = principal is not None and principal.id
    content: dict[str, Any] = {
        "required": admission.enforced,
        "name": principal.name if principal is not None and known else None,
        "scopes": sorted(principal.scopes) if principal is not None and known else [],
        "dev": settings.dev,
    }
    return json_response(content)


async def _key(request: Request) -> bytes:
    """The field `key` of a JSON object or a form. Raises InvalidRequest."""
    settings: Settings = request.state.settings
    body = await read_body(request.receive, dict(request.headers.raw), settings)
    given = _form(body) if _is_form(request) else parse_json(body, [])
    key = given.get("key") if isinstance(given, dict) else None
    if not isinstance(key, str) or not key:
        raise InvalidRequest(
            422,
            "invalid_request",
            "The login is not valid",
            [problem_at(["key"], "type", "key is the text of an API key")],
        )
    return key.encode()


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM


def _form(body: bytes) -> dict[str, str]:
    """The fields that are given once. What is no form has none."""
    try:
        fields = parse_qs(body.decode("ascii"), errors="strict")
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items() if len(values) == 1}
