"""POST /events and POST /generate_data: what records events."""

from typing import Any

from app.bounds import GENERATE_NUMBERS, MAX_KEY_LENGTH, ON_INVALID
from app.contract.event import MAX_ERRORS
from app.contract.outcome import POSTED_KINDS, EventKind
from app.openapi.operation import JSON, NOW, json_of, query, word
from app.openapi.problems import BODY, LIMITS, WRITE, refused
from app.openapi.schema import COUNT, NAME, Schema, answer, any_of, enum_of, list_of, ref

EVENT = {"area_code": 111, "multiplayer_mode": "duel", "user_id": "ann", "events_name": EventKind.LOGIN}
GZIP = {
    "name": "Content-Encoding",
    "in": "header",
    "description": "How the body is encoded",
    "schema": word("identity", "gzip", "x-gzip", default="identity"),
}

POST_EVENTS: dict[str, Any] = {
    "operationId": "postEvents",
    "tags": ["live"],
    "summary": "Take events",
    "description": """All or nothing, unless `on_invalid=skip`. When it is answered the events are on disk.

Of a request of more than 100 events (or with several partitions), events over a limit that are found only when others
are applied already are refused alone: then `errors` has them.


The body may be `application/x-ndjson` too: an event a line.""",
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
            "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
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
        },
    },
    "responses": {
        "200": json_of("Taken", "Taken", {"status": True, "accepted": 1, "applied": 1}),
        **refused(
            *BODY,
            *("invalid_events", "too_many_events", "event_too_large", "event_rate_exceeded"),
            *("invalid_query", "invalid_header", "idempotency_key_reused"),
            *LIMITS,
            *WRITE,
        ),
    },
}

GENERATE_DATA: dict[str, Any] = {
    "operationId": "generateData",
    "tags": ["live"],
    "summary": "Make random events, to have something to look at",
    "description": "Events that would open more areas, modes or sessions than are allowed are left out.",
    "parameters": [GZIP],
    "requestBody": {
        "required": False,
        "content": {JSON: {"schema": ref("GenerateRequest"), "example": {"events": 1000, "areas": 5, "seed": 7}}},
    },
    "responses": {
        "200": json_of("Made and taken", "Generated", {"cnt_records_generated": 1000}),
        **refused(*BODY, "invalid_request", "event_rate_exceeded", *WRITE),
    },
}


SCHEMAS: dict[str, Schema] = {
    "EventsName": enum_of(*POSTED_KINDS, description="What happened. Taken in any letter case"),
    "Event": {
        "type": "object",
        "description": "Somebody starts, stops or continues to play a mode in an area. Other fields are ignored.",
        "properties": {
            "area_code": {
                "description": '111 and "111" are the same area',
                "anyOf": [NAME, {"type": "integer", "minimum": -(2**63), "maximum": 2**64 - 1}],
            },
            "multiplayer_mode": NAME,
            "user_id": NAME,
            "events_name": ref("EventsName"),
            "epoch_timestamp": {
                "type": ["number", "null"],
                "minimum": 0,
                "description": "When it happened, seconds since 1970, at most 60 s ahead. Without it: on arrival",
            },
        },
        "required": ["area_code", "multiplayer_mode", "user_id", "events_name"],
        "examples": [EVENT],
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
            "errors": {
                **list_of(ref("Fault")),
                "description": f"The first {MAX_ERRORS} faults of events that were not taken",
            },
        },
        ("errors",),
    ),
    "GenerateRequest": {
        "type": "object",
        "description": "The same seed makes the same events",
        "properties": {
            name: {"type": ["integer", "null"], "minimum": low, "maximum": high, "default": default}
            for name, (default, low, high) in GENERATE_NUMBERS.items()
        },
    },
    "Generated": answer("How many events were made", {"cnt_records_generated": COUNT}),
}
