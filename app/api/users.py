"""/users/{user_id}: what a user is active in, was active in, and being forgotten."""

import hmac

import orjson
from starlette.requests import Request
from starlette.responses import Response

from app.api.pages import MAX_LIMIT, Conditions, add_span, page
from app.api.request import only, whole_number
from app.archive.erasure import Erasure
from app.archive.pool import ArchivePool
from app.contract.event import NAME_RULE, is_name
from app.contract.problem import problem_at
from app.contract.sql import load_sql
from app.errors import InvalidRequest, Problem
from app.live.counters import LiveCounters
from app.settings import Settings

# The event that ends a session -> what is said about it. HEAL: the counts were corrected after a loss of Redis.
ENDINGS = {"LOGOUT": "logout", "EXPIRE": "expired", "HEAL": "corrected"}

SESSIONS_QUERY = load_sql("app.archive", "sessions")


async def get_sessions(request: Request) -> Response:
    """The user's active sessions, the one with the latest event first; none for an unknown user."""
    user_id = _user_id(request)
    counters: LiveCounters = request.state.counters
    sessions = [
        {"area_code": area, "multiplayer_mode": mode, "last_event": at}
        for area, mode, at in await counters.sessions(user_id)
    ]
    return Response(orjson.dumps({"user_id": user_id, "sessions": sessions}), media_type="application/json")


async def get_history(request: Request) -> Response:
    """The user's sessions, the one that began last first; `to`, `seconds` and `ended_by` are null while one lasts.

    The parameters from and to are about their begins.
    """
    only(request, "from", "to", "limit", "cursor")
    user_id = _user_id(request)
    conditions = Conditions("sessions")
    conditions.filter("user_id", user_id)
    add_span(conditions, request)
    limit = whole_number(request, "limit", 100, 1, MAX_LIMIT)
    archive: ArchivePool = request.state.archive
    rows = await archive.fetch(conditions.query(SESSIONS_QUERY) + f"LIMIT {limit + 1}", *conditions.args)
    sessions = [
        {
            "event_id": row["event_id"],
            "area_code": row["area_code"],
            "multiplayer_mode": row["multiplayer_mode"],
            "from": row["began"],
            "to": row["ended"],
            "seconds": None if row["ended"] is None else round(row["ended"] - row["began"], 6),
            "ended_by": ENDINGS.get(row["events_name"]),
        }
        for row in rows
    ]
    return page(sessions, limit, conditions.question, "sessions", "from", user_id=user_id)


async def delete_user(request: Request) -> Response:
    """Ends the user's sessions and replaces the user's name in all history; answers when that is done.

    For who has the admin token. Safe to repeat.
    """
    settings: Settings = request.state.settings
    _require_admin(request, settings)
    erasure: Erasure = request.state.erasure
    sessions, events = await erasure.erase(_user_id(request))
    answer = {"status": True, "sessions_ended": sessions, "events_erased": events}
    return Response(orjson.dumps(answer), media_type="application/json")


def _require_admin(request: Request, settings: Settings) -> None:
    if not settings.admin_token:
        raise Problem(403, "admin_disabled", "MODEPULSE_ADMIN_TOKEN is not set here, so nobody may do this")
    given = request.headers.get("authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {settings.admin_token}".encode()):
        raise Problem(
            401, "unauthorized", "This needs the admin token", headers={"WWW-Authenticate": 'Bearer realm="modepulse"'}
        )


def _user_id(request: Request) -> str:
    user_id: str = request.path_params["user_id"]
    if not is_name(user_id):
        raise InvalidRequest(
            422,
            "invalid_path",
            "The path is not valid",
            [problem_at(["path", "user_id"], "invalid_name", f"user_id {NAME_RULE}")],
        )
    return user_id
