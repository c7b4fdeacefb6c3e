"""Every path of app/routes.py, with its parameters, bodies, answers and examples."""

from typing import Any

from app.api import stream
from app.api.audit_events import EVENTS, OUTCOMES
from app.api.events import ON_INVALID
from app.api.export import FORMATS
from app.api.history import MAX_STEP
from app.api.pages import MAX_LIMIT
from app.api.request import LATEST_SECONDS
from app.api.stats import MAX_AREAS, MAX_RANKS
from app.openapi.problems import ARCHIVE, BODY, RETRY_AFTER, WRITE, refused
from app.openapi.schemas import NAME, Schema, any_of, list_of, ref

JSON = "application/json"
NOW = 1795490591.055626
EVENT_ID = "01a20b94-314e-7ac1-ac1a-66066c2f0000"
EVENT = {"area_code": 111, "multiplayer_mode": "duel", "user_id": "ann", "events_name": "LOGIN"}
STATS = {"111": [{"multiplayer_mode": "duel", "count": 2}, {"multiplayer_mode": "co_op", "count": 1}], "112": []}
AREAS = {
    "areas": [{"area_code": "111", "players": 3, "top_mode": "duel", "top_mode_count": 2}],
    "players": 3,
}


def query(name: str, description: str, schema: Schema, **more: Any) -> Schema:
    return {"name": name, "in": "query", "description": description, "schema": schema, **more}


def whole(low: int, high: int, **more: Any) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high, **more}


def word(*words: str, default: str) -> Schema:
    return {"type": "string", "enum": list(words), "default": default}


def json_of(description: str, schema: str, example: Any) -> dict[str, Any]:
    return {"description": description, "content": {JSON: {"schema": ref(schema), "example": example}}}


TIME = any_of({"type": "number", "minimum": 0, "maximum": LATEST_SECONDS}, {"type": "string", "format": "date-time"})
FROM = query("from", "Not before; seconds since 1970, or ISO 8601 (UTC where it has no offset)", TIME)
TO = query("to", "Before; like `from`", TIME)
CURSOR = query("cursor", "`next_cursor` of the page before, the other parameters unchanged", {"type": "string"})
PAGE = query("limit", "At most so many", whole(1, MAX_LIMIT, default=100))
AREA_FILTER = query("area_code", "Of this area only", NAME)
MODE_FILTER = query("multiplayer_mode", "Of this mode only", NAME)
ONE_AREA = query("area_code", "The area", NAME, required=True, example="111")
STEPS = [
    ONE_AREA,
    FROM,
    TO,
    query(
        "step",
        "Seconds of a step, a multiple of 60; at most 11,000 steps",
        whole(60, MAX_STEP, multipleOf=60, default=60),
    ),
    query("peak", "The highest count of each step instead of that at its end", word("false", "true", default="false")),
]
USER = {
    "name": "user_id",
    "in": "path",
    "required": True,
    "description": "The user; percent-encoded",
    "schema": NAME,
    "example": "ann",
}
GZIP = {
    "name": "Content-Encoding",
    "in": "header",
    "description": "How the body is encoded",
    "schema": word("identity", "gzip", default="identity"),
}


def areas(most: int, **more: Any) -> Schema:
    schema = list_of(NAME, minItems=1, maxItems=most)
    return query("area_code", "An area; may be repeated", schema, required=True, explode=True, **more)


# Said by the HTTP server, before the service sees the request.
TOO_LONG = {
    "description": "The URL is longer than 64 kB",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}


def paths() -> dict[str, Any]:
    return {
        "/events": {"post": POST_EVENTS, "get": GET_EVENTS},
        "/stats": {"get": GET_STATS},
        "/stats/stream": {"get": STREAM_STATS},
        "/areas": {"get": GET_AREAS},
        "/modes": {"get": GET_MODES},
        "/history": {"get": GET_HISTORY},
        "/history/top": {"get": GET_TOP},
        "/users/{user_id}/sessions": {"get": GET_SESSIONS},
        "/users/{user_id}/history": {"get": GET_USER_HISTORY},
        "/users/{user_id}": {"delete": DELETE_USER},
        "/generate_data": {"post": GENERATE_DATA},
        "/healthz": {"get": HEALTHZ},
        "/readyz": {"get": READYZ},
        "/openapi.json": {"get": OPENAPI},
        "/docs": {"get": page("The API docs", "getDocs")},
        "/": {"get": page("The live dashboard", "getPage")},
        "/static/{path}": {"get": STATIC},
    }


POST_EVENTS = {
    "operationId": "postEvents",
    "tags": ["live"],
    "summary": "Take events",
    "description": "All or nothing, unless `on_invalid=skip`. When it is answered the events are on disk.",
    "parameters": [
        query(
            "on_invalid",
            "`skip` takes the good events and reports the others",
            word(*ON_INVALID, default="reject"),
        ),
        {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "A request repeated with it is applied once and answered as the first was, for 24 hours",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        },
        GZIP,
    ],
    "requestBody": {
        "required": True,
        "content": {
            JSON: {
                "schema": any_of(ref("EventList"), ref("Event"), list_of(ref("Event"))),
                "examples": {
                    "items": {"summary": "A list", "value": {"items": [EVENT]}},
                    "one": {"summary": "One event", "value": EVENT},
                    "array": {"summary": "An array", "value": [EVENT, {**EVENT, "epoch_timestamp": NOW}]},
                },
            },
            "application/x-ndjson": {
                "schema": {"type": "string", "description": "An event a line"},
                "example": '{"area_code":111,"multiplayer_mode":"duel","user_id":"ann","events_name":"LOGIN"}\n',
            },
        },
    },
    "responses": {
        "200": json_of("Taken", "Taken", {"status": True, "accepted": 1, "applied": 1}),
        **refused(*BODY, "invalid_events", "invalid_query", "invalid_header", "idempotency_key_reused", *WRITE),
    },
}

GET_STATS = {
    "operationId": "getStats",
    "tags": ["live"],
    "summary": "The modes of some areas, most played first",
    "parameters": [
        areas(MAX_AREAS, example=["111", "112"]),
        query("limit", "Only the first modes of each area", whole(1, MAX_RANKS)),
    ],
    "responses": {
        "200": json_of("As of now, never cached", "Stats", STATS),
        "400": TOO_LONG,
        **refused("invalid_query", "redis_unavailable"),
    },
}

STREAM_STATS = {
    "operationId": "streamStats",
    "tags": ["live"],
    "summary": "The stats at once, then each change",
    "description": f"""Server-sent events, for `EventSource` or `curl -N`; it has no end, so "try it" shows nothing.

Each frame's data is what `GET /stats` would answer for the same areas, at most ten times a second; for
`area_code={stream.EVERYTHING}` it is the `Overview` of all areas, at most four times a second.

Its `id` can be sent back as `Last-Event-ID`: then the state comes at once only if it has changed since. A comment comes
every 15 seconds. While the state cannot be read there is an event `problem` with a `Problem` as data; the stream goes
on by itself. Who reads slowly finds the newest state, not those between.""",
    "parameters": [
        areas(stream.MAX_AREAS, example=["111"]),
        query("limit", "Only the first modes of each area, or the first areas of the overview", whole(1, MAX_RANKS)),
        {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "The `id` of the last frame that was received",
            "schema": {"type": "string"},
        },
    ],
    "responses": {
        "200": {
            "description": "Frames without end",
            "content": {
                "text/event-stream": {
                    "schema": ref("StreamEvent"),
                    "example": {"id": "1795490591055-8f3a52c1d09be7f4", "event": "message", "data": '{"111":[]}'},
                }
            },
        },
        "400": TOO_LONG,
        **refused("invalid_query", "redis_unavailable"),
    },
}

GET_AREAS = {
    "operationId": "getAreas",
    "tags": ["live"],
    "summary": "Areas with players, most players first",
    "responses": {"200": json_of("At most a second old", "Areas", AREAS), **refused("redis_unavailable")},
}

GET_MODES = {
    "operationId": "getModes",
    "tags": ["live"],
    "summary": "Modes with players in all areas together, most players first",
    "responses": {
        "200": json_of("At most a second old", "Modes", {"modes": STATS["111"], "players": 3}),
        **refused("redis_unavailable"),
    },
}

GET_EVENTS = {
    "operationId": "getEvents",
    "tags": ["history"],
    "summary": "Every event, with what became of it",
    "description": "All filters can be combined. `format=csv` and `format=ndjson` stream the whole result as a file.",
    "parameters": [
        AREA_FILTER,
        MODE_FILTER,
        query("user_id", "Of this user only", NAME),
        query("events_name", "Of this kind only", {"type": "string", "enum": list(EVENTS)}),
        query("outcome", "With this outcome only", {"type": "string", "enum": list(OUTCOMES)}),
        FROM,
        TO,
        query("order", "`desc`: newest first, by the event's own time", word("desc", "asc", default="desc")),
        query("limit", "At most so many; without it 100, or all of a file", whole(1, MAX_LIMIT)),
        CURSOR,
        query("format", "A page, or a file", word("json", *FORMATS, default="json")),
    ],
    "responses": {
        "200": {
            "description": "A page, or a file",
            "content": {
                JSON: {
                    "schema": ref("AuditPage"),
                    "example": {
                        "items": [
                            {
                                "event_id": EVENT_ID,
                                "area_code": "111",
                                "multiplayer_mode": "duel",
                                "user_id": "ann",
                                "events_name": "LOGIN",
                                "epoch_timestamp": NOW,
                                "recorded_at": 1795490591.054,
                                "delta": 1,
                                "outcome": "applied",
                            }
                        ],
                        "next_cursor": None,
                    },
                },
                "text/csv": {"schema": {"type": "string", "description": "With a header line"}},
                "application/x-ndjson": {"schema": {"type": "string", "description": "An event a line"}},
            },
        },
        **refused("invalid_cursor", "invalid_query", "too_many_exports", *ARCHIVE),
    },
}

GET_HISTORY = {
    "operationId": "getHistory",
    "tags": ["history"],
    "summary": "Players of an area's modes over time",
    "description": "A step is labelled with its begin; its count is that at its end. By default the last 60.",
    "parameters": [*STEPS, MODE_FILTER],
    "responses": {
        "200": json_of(
            "A series a mode",
            "History",
            {"area_code": "111", "step": 3600, "series": {"duel": [[1795500000, 1], [1795503600, 2]]}},
        ),
        **refused("invalid_query", *ARCHIVE),
    },
}

GET_TOP = {
    "operationId": "getTop",
    "tags": ["history"],
    "summary": "The most played mode of an area over time",
    "parameters": STEPS,
    "responses": {
        "200": json_of(
            "A mode a step",
            "Top",
            {"area_code": "111", "step": 3600, "top": [[1795500000, "duel", 1], [1795503600, None, 0]]},
        ),
        **refused("invalid_query", *ARCHIVE),
    },
}

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
    "summary": "A user's sessions, the one that began last first",
    "parameters": [USER, FROM, TO, PAGE, CURSOR],
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
                        "ended_by": "logout",
                    }
                ],
                "next_cursor": None,
            },
        ),
        **refused("invalid_cursor", "invalid_query", "invalid_path", *ARCHIVE),
    },
}

DELETE_USER = {
    "operationId": "deleteUser",
    "tags": ["users"],
    "summary": "Forget a user",
    "description": "Ends the sessions and replaces the name in all history. Cannot be undone; safe to repeat.",
    "security": [{"admin": []}],
    "parameters": [USER],
    "responses": {
        "200": json_of("Done", "Erased", {"status": True, "sessions_ended": 1, "events_erased": 4}),
        **refused("unauthorized", "admin_disabled", "invalid_path", *WRITE, *ARCHIVE, "archive_behind"),
    },
}

GENERATE_DATA = {
    "operationId": "generateData",
    "tags": ["live"],
    "summary": "Make random events, to have something to look at",
    "parameters": [GZIP],
    "requestBody": {
        "required": False,
        "content": {JSON: {"schema": ref("GenerateRequest"), "example": {"events": 1000, "areas": 5, "seed": 7}}},
    },
    "responses": {
        "200": json_of("Made and taken", "Generated", {"cnt_records_generated": 1000}),
        **refused(*BODY, "invalid_request", *WRITE),
    },
}

HEALTHZ = {
    "operationId": "getHealth",
    "tags": ["service"],
    "summary": "Whether the process lives",
    "responses": {"200": json_of("It does, whatever its stores do", "Health", {"status": "ok"}), **refused()},
}

READYZ = {
    "operationId": "getReadiness",
    "tags": ["service"],
    "summary": "Whether events are taken, and how durable they are",
    "responses": {
        "200": json_of("They are", "Ready", {"status": "ready", "durability": "full"}),
        "503": json_of("They are not", "NotReady", {"status": "not_ready", "reason": "redis_unavailable"})
        | {"headers": RETRY_AFTER},
        **refused(),
    },
}

OPENAPI = {
    "operationId": "getOpenapi",
    "tags": ["service"],
    "summary": "This document",
    "responses": {
        "200": {"description": "OpenAPI 3.1", "content": {JSON: {"schema": {"type": "object"}}}},
        **refused(),
    },
}


def page(summary: str, name: str) -> dict[str, Any]:
    return {
        "operationId": name,
        "tags": ["service"],
        "summary": summary,
        "responses": {
            "200": {"description": "A page", "content": {"text/html": {"schema": {"type": "string"}}}},
            **refused(),
        },
    }


STATIC = {
    "operationId": "getStatic",
    "tags": ["service"],
    "summary": "What the pages are made of",
    "parameters": [
        {
            "name": "path",
            "in": "path",
            "required": True,
            "description": "A file",
            "schema": {"type": "string"},
            "example": "icon.svg",
        }
    ],
    "responses": {
        "200": {
            "description": "The file",
            "content": {
                kind: {"schema": {"type": "string"}}
                for kind in ("text/javascript", "text/css", "text/html", "text/plain", "image/svg+xml")
            },
        },
        **refused("not_found"),
    },
}
