"""/users/{user_id}: active sessions, past sessions, erasure."""

from starlette.requests import Request
from starlette.responses import Response

from app.api.pages import add_time_range_and_cursor, page_response
from app.api.recorded import access_of
from app.api.request import reject_unknown, whole_number
from app.api.response import json_response
from app.archive.erasure import Erasure
from app.archive.event_filter import EventFilter
from app.archive.pool import ArchivePool
from app.bounds import DEFAULT_PAGE_ROWS, MAX_PAGE_ROWS, SESSION_ENDINGS
from app.contract.event import NAME_RULE, is_name
from app.contract.problem import problem_at
from app.contract.sql import load_sql
from app.errors import InvalidRequest
from app.live.counters import LiveCounters

SESSIONS_QUERY = load_sql("app.archive", "sessions")


async def get_sessions(request: Request) -> Response:
    """The user's active sessions, the one with the latest event first; empty for an unknown user."""
    access = access_of(request)
    user_id = access.user_id = _user_id(request)
    counters: LiveCounters = request.state.counters
    sessions = [
        {"area_code": area, "multiplayer_mode": mode, "last_event": at}
        for area, mode, at in await counters.sessions(user_id)
    ]
    access.rows = len(sessions)
    return json_response({"user_id": user_id, "sessions": sessions})


async def get_history(request: Request) -> Response:
    """The user's sessions, the one that started last first; `to`, `seconds` and `ended_by` are null while one lasts.

    `from` and `to` filter by the session's start.
    """
    reject_unknown(request, "from", "to", "limit", "cursor")
    access = access_of(request)
    user_id = access.user_id = _user_id(request)
    events = EventFilter("sessions")
    events.equal("user_id", user_id)
    add_time_range_and_cursor(events, request)
    limit = whole_number(request, "limit", DEFAULT_PAGE_ROWS, 1, MAX_PAGE_ROWS)
    archive: ArchivePool = request.state.archive
    rows = await archive.fetch(events.query(SESSIONS_QUERY) + f"LIMIT {limit + 1}", *events.args)
    access.rows = min(len(rows), limit)
    sessions = [
        {
            "event_id": row["event_id"],
            "area_code": row["area_code"],
            "multiplayer_mode": row["multiplayer_mode"],
            "from": row["began"],
            "to": row["ended"],
            "seconds": None if row["ended"] is None else round(row["ended"] - row["began"], 6),
            "ended_by": SESSION_ENDINGS.get(row["events_name"]),
        }
        for row in rows
    ]
    return page_response(request, sessions, limit, events.question, "sessions", "from", user_id=user_id)


async def delete_user(request: Request) -> Response:
    """Ends the user's sessions and replaces the user's name in all history; answers when that is done.

    Safe to repeat.
    """
    erasure: Erasure = request.state.erasure
    sessions, events = await erasure.erase(_user_id(request), access_of(request))
    answer = {"status": True, "sessions_ended": sessions, "events_erased": events}
    return json_response(answer)


def _user_id(request: Request) -> str:
    """Raises InvalidRequest."""
    user_id: str = request.path_params["user_id"]
    if not is_name(user_id):
        raise InvalidRequest(
            422,
            "invalid_path",
            "The path is not valid",
            [problem_at(["path", "user_id"], "invalid_name", f"user_id {NAME_RULE}")],
        )
    return user_id
