"""/keys: API keys are made, listed and revoked by admins."""

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.access.admission import Admission
from app.api.body import parse_json, read_body
from app.api.recorded import access_of
from app.api.response import json_response
from app.bounds import KEY_FIELDS
from app.contract.api_key import MAX_RATE, MIN_RATE, NAME_RULE, RATE_RULE, ApiKey, Scope, is_key_name, new_key
from app.contract.expiry import EXPIRY_RULE, expiry_of
from app.contract.problem import problem_at
from app.errors import InvalidRequest, Problem
from app.settings import Settings


async def post_key(request: Request) -> Response:
    """The new key and all that is kept of it: the key itself is shown this once."""
    settings: Settings = request.state.settings
    admission: Admission = request.state.admission
    body = await read_body(request.receive, dict(request.headers.raw), settings)
    key, text = new_key(**_fields(parse_json(body, [])))
    await admission.keyring.keep(key)
    admission.update()
    access_of(request).target = key.id
    return json_response({"key": text, **key.shown()}, 201)


async def get_keys(request: Request) -> Response:
    """All keys, the oldest first; while Redis is away, as this process knows them."""
    admission: Admission = request.state.admission
    await admission.refresh()
    return json_response({"keys": [key.shown() for key in admission.keyring.all()]})


async def delete_key(request: Request) -> Response:
    """Revokes a key; from now on in this process, within seconds in all others. Safe to repeat."""
    admission: Admission = request.state.admission
    await admission.refresh()
    key: ApiKey | None = admission.keyring.get(request.path_params["key_id"])
    if key is None:
        raise Problem(404, "unknown_key", "There is no key with this id")
    key = key.revoked()
    await admission.keyring.keep(key)
    admission.update()
    return json_response(key.shown())


def _fields(given: Any) -> dict[str, Any]:
    """The arguments of new_key. Raises InvalidRequest."""
    if not isinstance(given, dict):
        raise _invalid([problem_at([], "type", "the body is a JSON object")])
    errors = [
        # A misspelt `expires` must not make a key that never does. What was sent is not repeated.
        problem_at([], "unknown_field", f"the fields here are {', '.join(KEY_FIELDS)}")
        for _ in given.keys() - set(KEY_FIELDS)
    ][:1]
    name, rate, expires = given.get("name"), given.get("rate"), given.get("expires")
    scopes: Any = given.get("scopes")
    if not is_key_name(name):
        errors.append(problem_at(["name"], "invalid_name", f"name {NAME_RULE}"))
    if not isinstance(scopes, list) or not scopes or not all(scope in list(Scope) for scope in scopes):
        errors.append(problem_at(["scopes"], "unknown_value", f"scopes is a list of {', '.join(Scope)}"))
    if rate is not None and (type(rate) not in (int, float) or not MIN_RATE <= rate <= MAX_RATE):
        errors.append(problem_at(["rate"], "range", f"rate {RATE_RULE}"))
    expires_at = None
    try:
        expires_at = None if expires is None else expiry_of(expires, time.time())
    except ValueError:
        errors.append(problem_at(["expires"], "invalid_time", f"expires {EXPIRY_RULE}"))
    if errors:
        raise _invalid(errors)
    return {
        "name": name,
        "scopes": [Scope(scope) for scope in scopes],
        "rate": float(rate or 0),
        "expires_at": expires_at,
    }


def _invalid(errors: list[dict[str, Any]]) -> InvalidRequest:
    return InvalidRequest(422, "invalid_request", "The request is not valid; no key was made", errors)
