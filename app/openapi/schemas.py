"""What requests and answers look like. An answer has the fields named here and no others."""

from typing import Any

from app.api.audit_events import EVENTS, OUTCOMES
from app.api.generate import NUMBERS
from app.api.users import ENDINGS
from app.contract.event import MAX_ERRORS
from app.contract.outcome import POSTED_KINDS
from app.openapi.problems import FAULTS, PROBLEMS

Schema = dict[str, Any]

NAME: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f|]+$",
}
COUNT: Schema = {"type": "integer", "minimum": 0}
SECONDS: Schema = {"type": "number", "minimum": 0, "description": "Seconds since 1970, with fraction"}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def any_of(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def list_of(item: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": item, **more}


def answer(description: str, properties: dict[str, Schema], optional: tuple[str, ...] = ()) -> Schema:
    """An object with exactly these fields; all but the optional ones are always there."""
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def nullable(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _any_case(words: tuple[str, ...]) -> str:
    spelt = ("".join(f"[{letter}{letter.lower()}]" for letter in word) for word in words)
    return f"^({'|'.join(spelt)})$"


MODE_COUNT = answer("Players in a mode", {"multiplayer_mode": NAME, "count": COUNT})
AREA = answer(
    "An area with players",
    {"area_code": NAME, "players": COUNT, "top_mode": NAME, "top_mode_count": COUNT},
)
CURSOR: Schema = {
    "type": ["string", "null"],
    "description": "To be sent as `cursor` for the next page, the other parameters unchanged. Null: this is the last",
}
STEP_SECONDS: Schema = {"type": "integer", "minimum": 60, "multipleOf": 60}
# Schemathesis cannot read prefixItems.
POINT: Schema = {
    "type": "array",
    "description": "[begin of the step (seconds since 1970), players]",
    "items": COUNT,
    "minItems": 2,
    "maxItems": 2,
}
TOP_POINT: Schema = {
    "type": "array",
    "description": "[begin of the step (seconds since 1970), most played mode (null: nobody played), its players]",
    "items": {"type": ["integer", "string", "null"]},
    "minItems": 3,
    "maxItems": 3,
}

SCHEMAS: dict[str, Schema] = {
    "Event": {
        "type": "object",
        "description": "Somebody begins, ends or goes on playing a mode in an area. Other fields are ignored.",
        "properties": {
            "area_code": {
                "description": '111 and "111" are the same area',
                "anyOf": [NAME, {"type": "integer", "minimum": -(2**63), "maximum": 2**64 - 1}],
            },
            "multiplayer_mode": NAME,
            "user_id": NAME,
            "events_name": {
                "type": "string",
                "pattern": _any_case(POSTED_KINDS),
                "description": f"One of {', '.join(POSTED_KINDS)}, in any letter case",
                "examples": list(POSTED_KINDS),
            },
            "epoch_timestamp": {
                "type": ["number", "null"],
                "minimum": 0,
                "description": "When it happened, seconds since 1970, at most 60 s ahead. Without it: on arrival",
            },
        },
        "required": ["area_code", "multiplayer_mode", "user_id", "events_name"],
        "examples": [{"area_code": 111, "multiplayer_mode": "duel", "user_id": "ann", "events_name": "LOGIN"}],
    },
    "EventList": {
        "type": "object",
        "properties": {"items": list_of(ref("Event"))},
        "required": ["items"],
    },
    "Taken": answer(
        "What became of the events",
        {
            "status": {"const": True},
            "accepted": {**COUNT, "description": "Events taken"},
            "applied": {**COUNT, "description": "Of these, those that changed a counter"},
            "errors": {**list_of(ref("Fault")), "description": f"With on_invalid=skip: the first {MAX_ERRORS} faults"},
        },
        ("errors",),
    ),
    "Stats": {
        "type": "object",
        "description": "area -> its modes, most played first; [] where nobody plays",
        "additionalProperties": list_of(MODE_COUNT),
    },
    "Areas": answer("Areas with players, most first", {"areas": list_of(AREA), "players": COUNT}),
    "Overview": answer(
        "What a frame of GET /stats/stream?area_code=* holds",
        {
            "areas": list_of(AREA),
            "players": {**COUNT, "description": "In all areas, those beyond `limit` too"},
            "events_per_second": {"type": "number", "minimum": 0, "description": "Taken in the last seconds"},
            "archive_lag_seconds": {
                "type": "number",
                "minimum": 0,
                "description": "Age of the oldest event that is not in Postgres yet",
            },
        },
    ),
    # As what one event of text/event-stream holds; comments and `retry` are none.
    "StreamEvent": answer(
        "A frame of GET /stats/stream. One named `problem` has no id",
        {
            "id": {
                "type": "string",
                "pattern": "^[0-9]+-[0-9a-f]{16}$",
                "description": "<ms since 1970>-<digest of the data>, to be sent back as `Last-Event-ID`",
            },
            "event": {"enum": ["message", "problem"]},
            "data": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": any_of(ref("Stats"), ref("Overview"), ref("Problem")),
            },
        },
        ("id",),
    ),
    "Modes": answer("Modes with players, most first", {"modes": list_of(MODE_COUNT), "players": COUNT}),
    "GenerateRequest": {
        "type": "object",
        "description": "The same seed makes the same events",
        "properties": {
            name: {"type": ["integer", "null"], "minimum": low, "maximum": high, "default": default}
            for name, (default, low, high) in NUMBERS.items()
        },
    },
    "Generated": answer("How many events were made", {"cnt_records_generated": COUNT}),
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
            "events_name": {"enum": list(EVENTS)},
            "epoch_timestamp": SECONDS,
            "recorded_at": {**SECONDS, "description": "When it arrived, seconds since 1970"},
            "delta": {"type": "integer", "description": "What it changed the counter by"},
            "outcome": {"enum": list(OUTCOMES)},
        },
    ),
    "AuditPage": answer("Events, a page of them", {"items": list_of(ref("AuditEvent")), "next_cursor": CURSOR}),
    "History": answer(
        "Players over time",
        {
            "area_code": NAME,
            "step": STEP_SECONDS,
            "series": {
                "type": "object",
                "description": "mode -> a point for each step; modes that nobody played are left out",
                "additionalProperties": list_of(POINT),
            },
        },
    ),
    "Top": answer(
        "The most played mode over time", {"area_code": NAME, "step": STEP_SECONDS, "top": list_of(TOP_POINT)}
    ),
    "UserSessions": answer(
        "What a user plays now",
        {
            "user_id": NAME,
            "sessions": list_of(
                answer("One session", {"area_code": NAME, "multiplayer_mode": NAME, "last_event": SECONDS})
            ),
        },
    ),
    "UserHistory": answer(
        "A user's sessions, a page of them",
        {
            "user_id": NAME,
            "sessions": list_of(
                answer(
                    "One session",
                    {
                        "event_id": {"type": "string", "format": "uuid", "description": "The event that began it"},
                        "area_code": NAME,
                        "multiplayer_mode": NAME,
                        "from": SECONDS,
                        "to": {**nullable(SECONDS), "description": "Null while it lasts"},
                        "seconds": {"type": ["number", "null"]},
                        "ended_by": {"enum": [*ENDINGS.values(), None]},
                    },
                )
            ),
            "next_cursor": CURSOR,
        },
    ),
    "Erased": answer(
        "What was done to forget the user", {"status": {"const": True}, "sessions_ended": COUNT, "events_erased": COUNT}
    ),
    "Health": answer("The process lives", {"status": {"const": "ok"}}),
    "Ready": answer(
        "Events are taken",
        {
            "status": {"const": "ready"},
            "durability": {"enum": ["full", "degraded", "unknown"]},
            "degraded": list_of({"type": "string"}, description="Redis settings that keep less than is promised"),
        },
        ("degraded",),
    ),
    "NotReady": answer(
        "Events are not taken",
        {
            "status": {"const": "not_ready"},
            "reason": {"enum": ["redis_unavailable", "partition_closed", "settings_mismatch"]},
        },
    ),
    "Fault": answer(
        "One place and what is wrong there",
        {
            "loc": list_of({"type": ["string", "integer"]}, description='Where, as ["items", 3, "user_id"]'),
            "code": {
                "enum": list(FAULTS),
                "description": "\n".join(f"- `{code}`: {meaning}" for code, meaning in FAULTS.items()),
            },
            "message": {"type": "string"},
        },
    ),
    "Problem": answer(
        "RFC 9457",
        {
            "type": {"const": "about:blank"},
            "title": {"type": "string"},
            "status": {"enum": list(PROBLEMS)},
            "code": {"enum": list(dict.fromkeys(code for _, codes in PROBLEMS.values() for code in codes))},
            "errors": list_of(ref("Fault")),
        },
    ),
}
