"""What the audit trail records of a request: who, from where, which route, which filters, how many rows."""

import re

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.client_address import client_address
from app.archive.access_entry import ANONYMOUS, AccessAction, AccessEntry
from app.archive.access_log import AccessLog
from app.bounds import EXPORT_FORMATS

RECORDED = {
    "GET /events": AccessAction.READ,
    "GET /users/{user_id}/sessions": AccessAction.READ,
    "GET /users/{user_id}/history": AccessAction.READ,
    "DELETE /users/{user_id}": AccessAction.ERASE,
    "POST /generate_data": AccessAction.GENERATE,
    "POST /keys": AccessAction.CREATE_KEY,
    "GET /keys": AccessAction.LIST_KEYS,
    "DELETE /keys/{key_id}": AccessAction.REVOKE_KEY,
}
# Other names in a query are whatever the client likes.
FILTERS = frozenset(
    ("area_code", "multiplayer_mode", "user_id", "events_name", "outcome", "from", "to", "order", "limit", "cursor")
)
ADMIN_ID, ADMIN_NAME = "admin", "admin token"


def recording(method: str, path: str) -> list[Middleware]:
    """What stands before the endpoint of a route: nothing where its use is not recorded."""
    route = f"{method} {template(path)}"
    return [Middleware(Recorded, route=route)] if route in RECORDED else []


def template(path: str) -> str:
    """A route's path without the types of its parameters: what the trail and the documents call it."""
    return re.sub(r":[^}]*}", "}", path)


class Recorded:
    """Puts an AccessEntry into `request.state.access` for the endpoint to fill in, and records it after the answer.

    Whoever authenticates the request puts the principal, with `id` and `name`, into `request.state.principal`.
    """

    def __init__(self, app: ASGIApp, route: str) -> None:
        self._app = app
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        entry = AccessEntry(RECORDED[self._route], self._route, client_address(scope))
        state = scope["state"]
        state["access"] = entry

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            _describe(entry, scope)
            access_log: AccessLog = state["access_log"]
            access_log.record(entry)


def access_of(request: Request) -> AccessEntry:
    """The entry of a request to a recorded route, with whoever makes it."""
    entry: AccessEntry = request.state.access
    _note_principal(entry, request.scope)
    return entry


def _describe(entry: AccessEntry, scope: Scope) -> None:
    """What the request says of itself."""
    if not entry.stored:
        entry.stop_clock()
    _note_principal(entry, scope)
    query = Request(scope).query_params
    entry.filters = sorted(FILTERS.intersection(query))
    format_ = query.get("format", "").lower()
    if entry.action is AccessAction.READ and format_ in EXPORT_FORMATS:
        entry.action, entry.format = AccessAction.EXPORT, format_
    if entry.action is AccessAction.REVOKE_KEY and entry.status == 200:
        entry.target = scope["path_params"]["key_id"]


def _note_principal(entry: AccessEntry, scope: Scope) -> None:
    """Anonymous until somebody is known."""
    principal = scope["state"].get("principal")
    entry.key_id = getattr(principal, "id", "")
    name = getattr(principal, "name", "") or ANONYMOUS
    entry.key_name = ADMIN_NAME if entry.key_id == ADMIN_ID else name
