"""One user: sessions now and before, erasure."""

from typing import Any

from app.bounds import DEFAULT_PAGE_ROWS, MAX_PAGE_ROWS, SESSION_ENDINGS
from app.contract.outcome import EventKind
from app.openapi.operation import CURSOR, EVENT_ID, FROM, NOW, TO, json_of, query, whole
from app.openapi.problems import ARCHIVE, WRITE, refused
from app.openapi.schema import COUNT, NAME, NEXT_CURSOR, SECONDS, Schema, answer, enum_of, list_of, nullable, ref

USER = {
    "name": "user_id",
    "in": "path",
    "required": True,
    "description": "The user; percent-encoded, `/` as `%2F`",
    "schema": NAME,
    "example": "ann",
}
LIMIT = query("limit", "At most so many", whole(1, MAX_PAGE_ROWS, default=DEFAULT_PAGE_ROWS))

GET_SESSIONS = {
    "operationId": "getUserSessions",
    "tags": ["users"],
    "summary": "What a user plays now",
    "parameters": [USER],
    "responses": {
        "200": json_of(
            "The session with the latest event first; none for an unknown user",
            "UserSessions",
            {"user_id": "ann", "sessions": [{"area_code": "111", "multiplayer_mode": "duel", "last_event": NOW}]},
        ),
        **refused("invalid_path", "redis_unavailable"),
    },
}

GET_USER_HISTORY = {
    "operationId": "getUserHistory",
    "tags": ["users"],
    "summary": "A user's sessions, the one that started last first",
    "parameters": [USER, FROM, TO, LIMIT, CURSOR],
    "responses": {
        "200": json_of(
            "A page",
            "UserHistory",
            {
                "user_id": "ann",
                "sessions": [
                    {
                        "event_id": EVENT_ID,
                        "area_code": "111",
                        "multiplayer_mode": "duel",
                        "from": NOW,
                        "to": 1795490711.2,
                        "seconds": 120.144374,
                        "ended_by": SESSION_ENDINGS[EventKind.LOGOUT],
                    }
                ],
                "next_cursor": None,
            },
        ),
        **refused("invalid_cursor", "invalid_query", "invalid_path", "redis_unavailable", *ARCHIVE),
    },
}

DELETE_USER: dict[str, Any] = {
    "operationId": "deleteUser",
    "tags": ["users"],
    "summary": "Forget a user",
    "description": "Ends the sessions and replaces the name in all history. Cannot be undone; safe to repeat.",
    "parameters": [USER],
    "responses": {
        "200": json_of("Done", "Erased", {"status": True, "sessions_ended": 1, "events_erased": 4}),
        **refused("invalid_path", *WRITE, *ARCHIVE, "archive_behind"),
    },
}

SCHEMAS: dict[str, Schema] = {
    "Session": answer("A session that lasts", {"area_code": NAME, "multiplayer_mode": NAME, "last_event": SECONDS}),
    "UserSessions": answer("What a user plays now", {"user_id": NAME, "sessions": list_of(ref("Session"))}),
    "Ending": enum_of(*SESSION_ENDINGS.values(), description="What ended a session"),
    "PastSession": answer(
        "A session, also one that lasts",
        {
            "event_id": {"type": "string", "format": "uuid", "description": "The event that started it"},
            "area_code": NAME,
            "multiplayer_mode": NAME,
            "from": SECONDS,
            "to": {**nullable(SECONDS), "description": "Null while it lasts"},
            "seconds": {"type": ["number", "null"]},
            "ended_by": nullable(ref("Ending")),
        },
    ),
    "UserHistory": answer(
        "A user's sessions, a page of them",
        {"user_id": NAME, "sessions": list_of(ref("PastSession")), "next_cursor": NEXT_CURSOR},
    ),
    "Erased": answer(
        "What was done to forget the user", {"status": {"const": True}, "sessions_ended": COUNT, "events_erased": COUNT}
    ),
}
