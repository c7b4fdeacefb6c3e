"""What was played, and every event."""

from app.bounds import (
    DEFAULT_PAGE_ROWS,
    DEFAULT_STEPS,
    EXPORT_FORMATS,
    MAX_PAGE_ROWS,
    MAX_STEP_SECONDS,
    MAX_STEPS,
    MIN_STEP_SECONDS,
    ORDERS,
)
from app.contract.outcome import LOGGED_OUTCOMES, EventKind, Outcome
from app.openapi.operation import CURSOR, EVENT_ID, FROM, JSON, NOW, TO, json_of, query, whole, word
from app.openapi.problems import ARCHIVE, refused
from app.openapi.schema import COUNT, NAME, NEXT_CURSOR, SECONDS, Schema, answer, enum_of, list_of, ref

MODE_FILTER = query("multiplayer_mode", "Of this mode only", NAME)
STEP = whole(MIN_STEP_SECONDS, MAX_STEP_SECONDS, multipleOf=MIN_STEP_SECONDS, default=MIN_STEP_SECONDS)
STEPS = [
    query("area_code", "The area", NAME, required=True, example="111"),
    FROM,
    TO,
    query("step", f"Seconds of a step, a multiple of {MIN_STEP_SECONDS}; at most {MAX_STEPS:,} steps", STEP),
    query("peak", "The highest count of each step instead of that at its end", word("false", "true", default="false")),
]

GET_EVENTS = {
    "operationId": "getEvents",
    "tags": ["history"],
    "summary": "Every event, with what became of it",
    "description": "All filters can be combined. `format=csv`, `format=excel` (CSV for spreadsheet programs: times in"
    " ISO 8601, no cell is a formula) and `format=ndjson` stream the whole result as a file.",
    "parameters": [
        query("area_code", "Of this area only", NAME),
        MODE_FILTER,
        query("user_id", "Of this user only", NAME),
        query("events_name", "Of this kind only", ref("LoggedEventsName")),
        query("outcome", "With this outcome only", ref("Outcome")),
        FROM,
        TO,
        query("order", "`desc`: newest first, by the event's own time", word(*ORDERS, default="desc")),
        query("limit", f"At most so many; without it {DEFAULT_PAGE_ROWS}, or all of a file", whole(1, MAX_PAGE_ROWS)),
        CURSOR,
        query("format", "A page, or a file", word("json", *EXPORT_FORMATS, default="json")),
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
                                "events_name": EventKind.LOGIN,
                                "epoch_timestamp": NOW,
                                "recorded_at": 1795490591.054,
                                "delta": 1,
                                "outcome": Outcome.APPLIED,
                            }
                        ],
                        "next_cursor": None,
                    },
                },
                "text/csv": {"schema": {"type": "string", "description": "With a header line"}},
                "application/x-ndjson": {"schema": {"type": "string", "description": "An event a line"}},
            },
        },
        **refused("invalid_cursor", "invalid_query", "too_many_exports", "redis_unavailable", *ARCHIVE),
    },
}

GET_HISTORY = {
    "operationId": "getHistory",
    "tags": ["history"],
    "summary": "Players of an area's modes over time",
    "description": f"A step is labelled with its start; its count is that at its end. Default: {DEFAULT_STEPS} steps",
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

STEP_SECONDS: Schema = {"type": "integer", "minimum": MIN_STEP_SECONDS, "multipleOf": MIN_STEP_SECONDS}
# Schemathesis cannot read prefixItems.
POINT: Schema = {
    "type": "array",
    "description": "[start of the step (seconds since 1970), players]",
    "items": COUNT,
    "minItems": 2,
    "maxItems": 2,
}
TOP_POINT: Schema = {
    "type": "array",
    "description": "[start of the step (seconds since 1970), most played mode (null: nobody played), its players]",
    "items": {"type": ["integer", "string", "null"]},
    "minItems": 3,
    "maxItems": 3,
}

SCHEMAS: dict[str, Schema] = {
    "LoggedEventsName": enum_of(*EventKind, description="What happened; the service itself logs EXPIRE and HEAL"),
    "Outcome": enum_of(*LOGGED_OUTCOMES, description="What became of an event"),
    "AuditEvent": answer(
        "An event as it was logged",
        {
            "event_id": {"type": "string", "format": "uuid"},
            "area_code": NAME,
            "multiplayer_mode": NAME,
            "user_id": {
                "type": "string",
                "maxLength": 255,
                "description": "Empty where a count was corrected for nobody in particular (HEAL)",
            },
            "events_name": ref("LoggedEventsName"),
            "epoch_timestamp": SECONDS,
            "recorded_at": {**SECONDS, "description": "When it arrived, seconds since 1970"},
            "delta": {"type": "integer", "description": "What it changed the counter by"},
            "outcome": ref("Outcome"),
        },
    ),
    "AuditPage": answer("Events, a page of them", {"items": list_of(ref("AuditEvent")), "next_cursor": NEXT_CURSOR}),
    "Series": {
        "type": "object",
        "description": "mode -> a point for each step; modes that nobody played are left out",
        "additionalProperties": list_of(POINT),
    },
    "History": answer(
        "Players over time",
        {
            "area_code": NAME,
            "step": STEP_SECONDS,
            "series": ref("Series"),
        },
    ),
    "Top": answer(
        "The most played mode over time", {"area_code": NAME, "step": STEP_SECONDS, "top": list_of(TOP_POINT)}
    ),
}
