"""Every error that the service answers with: the codes that programs may rely on."""

from typing import Any

from app.bounds import GENERATE_NUMBERS, MAX_KEY_LENGTH, MAX_PAGE_ROWS
from app.contract.event import NAME_RULE
from app.contract.outcome import OVER_LIMIT
from app.contract.problem import problem_at
from app.openapi.schema import Schema, answer, list_of, ref

# status -> (when, {code: what it means})
PROBLEMS: dict[int, tuple[str, dict[str, str]]] = {
    400: (
        "It cannot be read",
        {
            "invalid_json": "the body is not JSON; `errors` names the line and column",
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
            "too_many_areas": "as many areas are known as are allowed, and an event is in another",
            "too_many_new_areas": "as many areas are new in this minute as are allowed",
            "too_many_modes": "an area has as many modes as are allowed, and an event is in another",
            "too_many_sessions": "a user has as many sessions as are allowed, and an event opens another",
            "too_many_keys": "as many answers to Idempotency-Keys are kept as are allowed",
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
            "counting": "the players by area are being counted, after an upgrade",
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
    **dict.fromkeys(map(str, OVER_LIMIT.values()), "an event that would open more than is allowed"),
    "too_many_keys": "as many answers are kept as are allowed",
    "type": "of another type",
    "unknown_area": "not one of the areas that are allowed here",
    "unknown_event": "not a kind of event",
    "unknown_mode": "not one of the modes that are allowed here",
    "unknown_parameter": "no parameter of this name",
    "unknown_value": "not one of the words allowed",
}

# Codes that occur together: of a body, of new names and keys, of all writes to Redis, of all queries to the archive.
BODY = ("invalid_json", "invalid_gzip", "body_timeout", "body_too_large", "unsupported_encoding")
LIMITS = (*map(str, OVER_LIMIT.values()), "too_many_keys")
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


_EXAMPLES = {
    "invalid_json": problem_at([], "invalid_json", "not valid JSON: line 1, column 12"),
    "invalid_cursor": problem_at(
        ["query", "cursor"], "invalid_cursor", "cursor is a next_cursor of the same query, unchanged"
    ),
    "invalid_events": problem_at(["items", 3, "user_id"], "invalid_name", f"user_id {NAME_RULE}"),
    "invalid_query": problem_at(["query", "limit"], "range", f"limit is one whole number from 1 to {MAX_PAGE_ROWS}"),
    "invalid_path": problem_at(["path", "user_id"], "invalid_name", f"user_id {NAME_RULE}"),
    "invalid_header": problem_at(
        ["header", "Idempotency-Key"], "length", f"Idempotency-Key is 1 to {MAX_KEY_LENGTH} characters"
    ),
    "invalid_request": problem_at(
        ["events"], "range", "events is a whole number from {} to {}".format(*GENERATE_NUMBERS["events"][1:])
    ),
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
        "allOf": [ref("Problem")],
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
    named = {*codes, "internal_error"}
    found = {status: [code for code in of if code in named] for status, (_, of) in PROBLEMS.items()}
    assert named == {code for some in found.values() for code in some}, named
    return {str(status): _response(status, some) for status, some in found.items() if some}


SCHEMAS: dict[str, Schema] = {
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
