"""What is refused, and how: the codes that programs may rely on."""

from typing import Any

# status -> (when, {code: what it means})
PROBLEMS: dict[int, tuple[str, dict[str, str]]] = {
    400: (
        "It cannot be read",
        {
            "invalid_json": "the body is not JSON; `errors` tells the line and column",
            "invalid_gzip": "the body is not gzip, or is cut off",
            "invalid_cursor": "the cursor is not an unchanged `next_cursor` of the same query",
        },
    ),
    401: ("The admin token is missing or wrong", {"unauthorized": "send `Authorization: Bearer <token>`"}),
    403: ("Nobody may do this here", {"admin_disabled": "MODEPULSE_ADMIN_TOKEN is not set"}),
    404: ("There is nothing of this name", {"not_found": "no such path"}),
    405: ("Not with this method", {"method_not_allowed": "`Allow` lists the methods"}),
    408: ("The body took too long to arrive", {"body_timeout": "nothing was applied"}),
    413: ("The body is too large", {"body_too_large": "nothing was applied"}),
    415: ("The encoding is not known", {"unsupported_encoding": "Content-Encoding is gzip or none"}),
    422: (
        "It can be read but not used; nothing was applied",
        {
            "invalid_events": "some events are not valid",
            "invalid_query": "a query parameter is not valid",
            "invalid_path": "a part of the path is not valid",
            "invalid_header": "a header is not valid",
            "invalid_request": "the body's fields are not valid",
            "idempotency_key_reused": "the Idempotency-Key was used with another request",
        },
    ),
    429: ("Too many at a time", {"too_many_exports": "other exports are running"}),
    500: ("A fault of the service", {"internal_error": "it is in the service's log"}),
    503: (
        "Not now; try again after `Retry-After` seconds",
        {
            "redis_unavailable": "Redis cannot be reached; nothing was applied",
            "redis_refused": "Redis takes no writes; nothing was applied",
            "out_of_memory": "Redis has no room; nothing was applied",
            "memory_full": "Redis is nearly full; nothing was applied",
            "queue_full": "too many events wait in this process; nothing was applied",
            "partition_closed": "the counters are being rebuilt; nothing was applied",
            "outcome_unknown": "the events may have been applied; repeat with the same Idempotency-Key",
            "partly_applied": "earlier events of the request were applied; repeat with the same Idempotency-Key",
            "archive_unavailable": "Postgres does not answer, or there is none",
            "archive_behind": "the sessions ended, the archive is behind; repeat this",
            "query_timeout": "the query takes too long; a narrower one may not",
        },
    ),
}

# Codes of the entries of `errors`.
FAULTS = {
    "clock_skew": "a time is more than 60 s in the future",
    "invalid_cursor": "the cursor is not one of this query",
    "invalid_json": "not JSON from this place on",
    "invalid_name": "a name has 1 to 255 characters, no control characters, no `|`",
    "invalid_time": "a time is seconds since 1970 or ISO 8601",
    "length": "too short or too long",
    "missing": "it is required",
    "range": "a number is out of its range",
    "repeated": "it is given once at most",
    "too_many": "more than are allowed",
    "type": "of another type",
    "unknown_event": "not a kind of event",
    "unknown_parameter": "no parameter of this name",
    "unknown_value": "not one of the words allowed",
}

_EXAMPLES: dict[int, list[dict[str, Any]]] = {
    422: [
        {
            "loc": ["items", 3, "user_id"],
            "code": "invalid_name",
            "message": "user_id is 1 to 255 characters without control characters and without |",
        }
    ]
}
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 1}}}
_HEADERS: dict[int, Any] = {
    401: {"WWW-Authenticate": {"description": "What is asked for", "schema": {"type": "string"}}},
    429: RETRY_AFTER,
    503: RETRY_AFTER,
}


def problem_schema(status: int) -> dict[str, Any]:
    _, codes = PROBLEMS[status]
    return {
        "allOf": [{"$ref": "#/components/schemas/Problem"}],
        "properties": {"status": {"const": status}, "code": {"enum": list(codes)}},
    }


def _response(status: int) -> dict[str, Any]:
    title, codes = PROBLEMS[status]
    lines = "\n".join(f"- `{code}`: {meaning}" for code, meaning in codes.items())
    example = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "code": next(iter(codes)),
        "errors": _EXAMPLES.get(status, []),
    }
    response: dict[str, Any] = {
        "description": f"{title}\n\n{lines}",
        "content": {"application/problem+json": {"schema": problem_schema(status), "example": example}},
    }
    if status in _HEADERS:
        response["headers"] = _HEADERS[status]
    return response


RESPONSES = {f"Problem{status}": _response(status) for status in PROBLEMS}


def refused(*statuses: int) -> dict[str, Any]:
    """The error answers of a path; every path may have a fault of the service."""
    return {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in (*statuses, 500)}
