"""What is refused, and how: the codes that programs may rely on."""

from typing import Any

from app.contract.event import NAME_RULE

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

# Codes that come together: of a body, of everything that writes to Redis, of everything that asks the archive.
BODY = ("invalid_json", "invalid_gzip", "body_timeout", "body_too_large", "unsupported_encoding")
WRITE = (
    "redis_unavailable",
    "redis_refused",
    "out_of_memory",
    "memory_full",
    "queue_full",
    "partition_closed",
    "outcome_unknown",
    "partly_applied",
)
ARCHIVE = ("archive_unavailable", "query_timeout")


def _fault(loc: list[str | int], code: str, message: str) -> dict[str, Any]:
    return {"loc": loc, "code": code, "message": message}


_EXAMPLES = {
    "invalid_json": _fault([], "invalid_json", "not valid JSON: line 1, column 12"),
    "invalid_cursor": _fault(
        ["query", "cursor"], "invalid_cursor", "cursor is a next_cursor of the same query, unchanged"
    ),
    "invalid_events": _fault(["items", 3, "user_id"], "invalid_name", f"user_id {NAME_RULE}"),
    "invalid_query": _fault(["query", "limit"], "range", "limit is one whole number from 1 to 1000"),
    "invalid_path": _fault(["path", "user_id"], "invalid_name", f"user_id {NAME_RULE}"),
    "invalid_header": _fault(["header", "Idempotency-Key"], "length", "Idempotency-Key is 1 to 255 characters"),
    "invalid_request": _fault(["events"], "range", "events is a whole number from 0 to 100000"),
}
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 1}}}
_HEADERS: dict[int, Any] = {
    401: {"WWW-Authenticate": {"description": "What is asked for", "schema": {"type": "string"}}},
    429: RETRY_AFTER,
    503: RETRY_AFTER,
}


def _response(status: int, some: list[str]) -> dict[str, Any]:
    title, codes = PROBLEMS[status]
    first = some[0]
    example = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "code": first,
        "errors": [_EXAMPLES[first]] if first in _EXAMPLES else [],
    }
    schema = {
        "allOf": [{"$ref": "#/components/schemas/Problem"}],
        "properties": {"status": {"const": status}, "code": {"enum": some}},
    }
    response: dict[str, Any] = {
        "description": "\n".join([f"{title}\n", *(f"- `{code}`: {codes[code]}" for code in some)]),
        "content": {"application/problem+json": {"schema": schema, "example": example}},
    }
    if status in _HEADERS:
        response["headers"] = _HEADERS[status]
    return response


def refused(*codes: str) -> dict[str, Any]:
    """The error answers of a path: those with these codes, and a fault of the service."""
    told = {*codes, "internal_error"}
    found = {status: [code for code in of if code in told] for status, (_, of) in PROBLEMS.items()}
    assert told == {code for some in found.values() for code in some}, told
    return {str(status): _response(status, some) for status, some in found.items() if some}
