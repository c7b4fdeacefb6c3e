"""What is played now: the stats, their stream, the overviews."""

from typing import Any

from app.bounds import (
    ALL_AREAS,
    DEFAULT_RANKS,
    DEFAULT_ROWS,
    MAX_OFFSET,
    MAX_RANKS,
    MAX_ROWS,
    MAX_STATS_AREAS,
    MAX_STREAM_AREAS,
)
from app.openapi.operation import json_of, query, whole
from app.openapi.problems import refused
from app.openapi.schema import COUNT, NAME, Schema, answer, any_of, enum_of, list_of, ref

STATS = {"111": [{"multiplayer_mode": "duel", "count": 2}, {"multiplayer_mode": "co_op", "count": 1}], "112": []}
AREAS = {
    "areas": [{"area_code": "111", "players": 3, "top_mode": "duel", "top_mode_count": 2}],
    "players": 3,
    "total": 1,
}


def areas(most: int, **more: Any) -> dict[str, Any]:
    """The repeated parameter area_code."""
    schema = list_of(NAME, minItems=1, maxItems=most)
    return query("area_code", "An area; may be repeated", schema, required=True, explode=True, **more)


GET_STATS = {
    "operationId": "getStats",
    "tags": ["live"],
    "summary": "The modes of some areas, most played first",
    "parameters": [
        areas(MAX_STATS_AREAS, example=["111", "112"]),
        query("limit", "Only the first modes of each area", whole(1, MAX_RANKS, default=DEFAULT_RANKS)),
    ],
    "responses": {
        "200": json_of("As of now, never cached", "Stats", STATS),
        **refused("invalid_query", "redis_unavailable"),
    },
}

STREAM_STATS = {
    "operationId": "streamStats",
    "tags": ["live"],
    "summary": "The stats at once, then each change",
    "description": f"""Server-sent events, for `EventSource` or `curl -N`; it has no end, so "try it" shows nothing.

Each frame's data is what `GET /stats` would answer for the same areas, at most ten times a second; for
`area_code={ALL_AREAS}` it is the `Overview` of all areas, at most four times a second.

Its `id` can be sent back as `Last-Event-ID`: then the state is sent at once only if it has changed since. A comment is
sent every 15 seconds. While the state cannot be read there is an event `problem` with a `Problem` as data; the stream
continues by itself. A slow client skips to the newest state.""",
    "parameters": [
        areas(MAX_STREAM_AREAS, example=["111"]),
        query(
            "limit",
            f"Only the first modes of each area; or the first areas of the overview, {MAX_ROWS} at most",
            whole(1, MAX_RANKS, default=DEFAULT_RANKS),
        ),
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
        **refused("invalid_query", "redis_unavailable", "counting", "too_many_listeners", "listeners_full"),
    },
}

ROWS = [
    query("limit", "At most so many", whole(1, MAX_ROWS, default=DEFAULT_ROWS)),
    query("offset", "Without the first ones: `next_offset` of the page before", whole(0, MAX_OFFSET, default=0)),
]

GET_AREAS = {
    "operationId": "getAreas",
    "tags": ["live"],
    "summary": "Areas with players, most players first",
    "parameters": ROWS,
    "responses": {
        "200": json_of("A page, at most a second old", "Areas", {**AREAS, "next_offset": None}),
        **refused("invalid_query", "redis_unavailable", "counting"),
    },
}

GET_MODES = {
    "operationId": "getModes",
    "tags": ["live"],
    "summary": "Modes with players in all areas together, most players first",
    "parameters": ROWS,
    "responses": {
        "200": json_of(
            "A page, at most a second old",
            "Modes",
            {"modes": STATS["111"], "players": 3, "total": 2, "next_offset": None},
        ),
        **refused("invalid_query", "redis_unavailable", "counting"),
    },
}

OF_ALL = {
    "players": {**COUNT, "description": "Of all, those beyond `limit` too"},
    "total": {**COUNT, "description": "How many there are, those beyond `limit` too"},
}
NEXT_OFFSET: Schema = {
    "type": ["integer", "null"],
    "description": "To be sent as `offset` for the next page. Null: this is the last. The order is of the moment: what "
    "moves between two pages may be in both or in neither",
}

SCHEMAS: dict[str, Schema] = {
    "ModeCount": answer("Players in a mode", {"multiplayer_mode": NAME, "count": COUNT}),
    "Area": answer(
        "An area with players",
        {"area_code": NAME, "players": COUNT, "top_mode": NAME, "top_mode_count": COUNT},
    ),
    "Stats": {
        "type": "object",
        "description": "area -> its modes, most played first; [] where nobody plays",
        "additionalProperties": list_of(ref("ModeCount")),
    },
    "Areas": answer(
        "Areas with players, most first", {"areas": list_of(ref("Area")), **OF_ALL, "next_offset": NEXT_OFFSET}
    ),
    "Overview": answer(
        "What a frame of GET /stats/stream?area_code=* holds",
        {
            "areas": list_of(ref("Area")),
            **OF_ALL,
            "events_per_second": {"type": "number", "minimum": 0, "description": "Taken in the last seconds"},
            "archive_lag_seconds": {
                "type": "number",
                "minimum": 0,
                "description": "Age of the oldest event that is not in Postgres yet",
            },
        },
    ),
    # One event of text/event-stream; comments and `retry` are none.
    "StreamEvent": answer(
        "A frame of GET /stats/stream. One named `problem` has no id",
        {
            "id": {
                "type": "string",
                "pattern": "^[0-9]+-[0-9a-f]{16}$",
                "description": "<ms since 1970>-<digest of the data>, to be sent back as `Last-Event-ID`",
            },
            "event": enum_of("message", "problem"),
            "data": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": any_of(ref("Stats"), ref("Overview"), ref("Problem")),
            },
        },
        ("id",),
    ),
    "Modes": answer(
        "Modes with players, most first", {"modes": list_of(ref("ModeCount")), **OF_ALL, "next_offset": NEXT_OFFSET}
    ),
}
