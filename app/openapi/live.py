"""What is played now: the stats, their stream, the overviews."""

from typing import Any

from app.bounds import ALL_AREAS, MAX_RANKS, MAX_STATS_AREAS, MAX_STREAM_AREAS
from app.openapi.operation import json_of, query, whole
from app.openapi.problems import refused
from app.openapi.schema import COUNT, NAME, Schema, answer, any_of, enum_of, list_of, ref

STATS = {"111": [{"multiplayer_mode": "duel", "count": 2}, {"multiplayer_mode": "co_op", "count": 1}], "112": []}
AREAS = {
    "areas": [{"area_code": "111", "players": 3, "top_mode": "duel", "top_mode_count": 2}],
    "players": 3,
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
        query("limit", "Only the first modes of each area", whole(1, MAX_RANKS)),
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
        **refused("invalid_query", "redis_unavailable", "too_many_listeners", "listeners_full"),
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
    "Areas": answer("Areas with players, most first", {"areas": list_of(ref("Area")), "players": COUNT}),
    "Overview": answer(
        "What a frame of GET /stats/stream?area_code=* holds",
        {
            "areas": list_of(ref("Area")),
            "players": {**COUNT, "description": "In all areas, those beyond `limit` too"},
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
    "Modes": answer("Modes with players, most first", {"modes": list_of(ref("ModeCount")), "players": COUNT}),
}
