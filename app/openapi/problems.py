"""Every error that the service answers with: the codes that programs may rely on."""

from typing import Any

from app.bounds import GENERATE_NUMBERS, MAX_KEY_LENGTH, MAX_PAGE_ROWS
from app.contract.event import NAME_RULE
from app.contract.outcome import OVER_LIMIT
from app.contract.problem import problem_at
from app.openapi.faults import FAULTS
from app.openapi.schema import Schema, answer, enum_of, list_of, ref
from app.url import ENCODING_RULE

# status -> (when, {code: what it means})
PROBLEMS: dict[int, tuple[str, dict[str, str]]] = {
    400: (
        "It cannot be read",
        {
            "malformed_request": "it is not HTTP/1.1; the connection is closed",
            "invalid_json": "the body is not JSON; `errors` names the line and column",
            "invalid_gzip": "the body is not gzip, or is cut off",
            "invalid_cursor": "the cursor is not an unchanged `next_cursor` of the same query",
            "invalid_encoding": "the URL is not UTF-8 in percent-encoding",
            "unknown_host": "the Host header is missing, repeated or no host name",
        },
    ),
    401: (
        "The key is missing or not valid",
        {
            "key_required": "send `Authorization: Bearer <key>` or `X-API-Key: <key>`",
            "invalid_key": "nobody has this key",
            "revoked_key": "the key was revoked",
            "expired_key": "the key's time is over",
        },
    ),
    403: (
        "Not with this key, or not here",
        {
            "insufficient_scope": "the key has not the scope that is needed; `WWW-Authenticate` names it",
            "admin_disabled": "there are no keys and MODEPULSE_ADMIN_TOKEN is not set",
            "foreign_origin": "MODEPULSE_CORS_ORIGINS does not permit it to pages of this origin",
        },
    ),
    404: (
        "There is nothing of this name",
        {"not_found": "no such path", "unknown_key": "no key has this id"},
    ),
    405: ("Not with this method", {"method_not_allowed": "`Allow` lists the methods"}),
    408: (
        "It took too long to arrive; nothing was applied",
        {"header_timeout": "the headers did; the connection is closed", "body_timeout": "the body did"},
    ),
    413: ("The body is too large", {"body_too_large": "nothing was applied"}),
    414: ("The URL is too long", {"url_too_long": "with the headers it has more than MODEPULSE_MAX_HEADER_BYTES"}),
    415: ("The encoding is not known", {"unsupported_encoding": "Content-Encoding is gzip or none"}),
    421: ("Another host", {"unknown_host": "this host name is not served here; see MODEPULSE_ALLOWED_HOSTS"}),
    422: (
        "It can be read but not used; nothing was applied",
        {
            "invalid_events": "some events are not valid",
            "too_many_events": "more than MODEPULSE_MAX_REQUEST_EVENTS, or more JSON than so many need",
            "event_too_large": "one event has more than 1 MiB or 20,000 values",
            "invalid_query": "a query parameter is not valid",
            "invalid_path": "a part of the path is not valid",
            "invalid_header": "a header is not valid",
            "invalid_request": "the body's fields are not valid",
            "key_in_query": "a key was sent in the address, where logs and histories keep it",
            "idempotency_key_reused": "the Idempotency-Key was used with another request",
            "too_many_areas": "as many areas are known as are allowed, and an event is in another",
            "too_many_new_areas": "as many areas are new in this minute as are allowed",
            "too_many_modes": "an area has as many modes as are allowed, and an event is in another",
            "too_many_sessions": "a user has as many sessions as are allowed, and an event opens another",
            "too_many_keys": "as many answers to Idempotency-Keys are kept as are allowed",
        },
    ),
    429: (
        "Too many; try again after `Retry-After` seconds",
        {
            "too_many_exports": "other exports are running",
            "too_many_connections": "this address has other connections; this one is closed",
            "too_many_listeners": "this address has other listeners",
            "too_many_requests": "of this key, or of this address",
            "event_rate_exceeded": "too many events of this key, or of this address; nothing was applied",
            "too_many_wrong_keys": "of this address",
        },
    ),
    431: (
        "The headers are too large",
        {"headers_too_large": "more than MODEPULSE_MAX_HEADER_BYTES, or more than 100; the connection is closed"},
    ),
    500: ("A fault of the service", {"internal_error": "it is in the service's log"}),
    503: (
        "Not now; try again after `Retry-After` seconds",
        {
            "keys_unknown": "Redis has not shown its keys yet; nothing was applied",
            "redis_unavailable": "Redis cannot be reached; nothing was applied",
            "redis_refused": "Redis takes no writes; nothing was applied",
            "out_of_memory": "Redis has no room; nothing was applied",
            "memory_full": "Redis is nearly full; nothing was applied",
            "connections_full": "there are too many connections; this one is closed",
            "listeners_full": "there are too many listeners",
            "bodies_full": "too many bodies are being read; nothing was applied",
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

# Codes that occur together: of a body, of new names and keys, of all writes to Redis, of all queries to the archive.
BODY = ("invalid_json", "invalid_gzip", "body_timeout", "body_too_large", "unsupported_encoding", "bodies_full")
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
# What may become of any request, and of anything else that is sent here.
ANYWHERE = (
    "malformed_request",
    "invalid_encoding",
    "header_timeout",
    "url_too_long",
    "headers_too_large",
    "too_many_connections",
    "connections_full",
    "internal_error",
)


_EXAMPLES = {
    "invalid_json": problem_at([], "invalid_json", "not valid JSON: line 1, column 12"),
    "invalid_cursor": problem_at(
        ["query", "cursor"], "invalid_cursor", "cursor is a next_cursor of the same query, unchanged"
    ),
    "invalid_encoding": problem_at(["query", "area_code"], "invalid_encoding", ENCODING_RULE),
    "invalid_events": problem_at(["items", 3, "user_id"], "invalid_name", f"user_id {NAME_RULE}"),
    "invalid_query": problem_at(["query", "limit"], "range", f"limit is one whole number from 1 to {MAX_PAGE_ROWS}"),
    "invalid_path": problem_at(["path", "user_id"], "invalid_name", f"user_id {NAME_RULE}"),
    "invalid_header": problem_at(
        ["header", "Idempotency-Key"], "length", f"Idempotency-Key is 1 to {MAX_KEY_LENGTH} characters"
    ),
    "not_found": problem_at(["path"], "not_found", "no such path"),
    "invalid_request": problem_at(
        ["events"], "range", "events is a whole number from {} to {}".format(*GENERATE_NUMBERS["events"][1:])
    ),
}
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 1}}}
_HEADERS: dict[int, Any] = {
    401: {"WWW-Authenticate": {"description": "What is asked for", "schema": {"type": "string"}}},
    403: {"WWW-Authenticate": {"description": "The scope that is needed", "schema": {"type": "string"}}},
    429: RETRY_AFTER
    | {
        name: {"description": f"{meaning}, as in draft-ietf-httpapi-ratelimit-headers", "schema": {"type": "string"}}
        for name, meaning in (("RateLimit-Policy", "The limit"), ("RateLimit", "What is left of it"))
    },
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
        "properties": {"status": {"const": status}, "code": enum_of(*some)},
    }
    response: dict[str, Any] = {
        "description": "\n".join([f"{title}\n", *(f"- `{code}`: {codes[code]}" for code in some)]),
        "content": {"application/problem+json": {"schema": schema, "example": example}},
    }
    if status in _HEADERS:
        response["headers"] = _HEADERS[status]
    return response


def refused(*codes: str) -> dict[str, Any]:
    """The error answers of a path: those with these codes, and those that any path may be answered with."""
    named = {*codes, *ANYWHERE}
    found = {status: [code for code in of if code in named] for status, (_, of) in PROBLEMS.items()}
    assert named == {code for some in found.values() for code in some}, named
    return {str(status): _response(status, some) for status, some in found.items() if some}


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The answers of both; the codes of a status that both have are put together."""
    codes = {code for answers in (one, other) for answer in answers.values() for code in codes_of(answer)}
    return {status: answer for status, answer in one.items() if not codes_of(answer)} | refused(*codes)


def codes_of(response: dict[str, Any]) -> list[str]:
    """The codes of an error answer."""
    content = response.get("content", {}).get("application/problem+json", {})
    return list(content["schema"]["properties"]["code"]["enum"]) if content else []


SCHEMAS: dict[str, Schema] = {
    "Fault": answer(
        "One place and what is wrong there",
        {
            "loc": list_of({"type": ["string", "integer"]}, description='Where, as ["items", 3, "user_id"]'),
            "code": enum_of(
                *FAULTS, description="\n".join(f"- `{code}`: {meaning}" for code, meaning in FAULTS.items())
            ),
            "message": {"type": "string"},
        },
    ),
    "Problem": answer(
        "RFC 9457",
        {
            "type": {"const": "about:blank"},
            "title": {"type": "string"},
            "status": {"type": "integer", "enum": list(PROBLEMS)},
            "code": enum_of(*dict.fromkeys(code for _, codes in PROBLEMS.values() for code in codes)),
            "detail": {"type": "string", "description": "What is special about this time"},
            "request_id": {"type": "string", "description": "Of the request, as in its `X-Request-Id`, for the log"},
            "errors": list_of(ref("Fault")),
        },
        ("detail", "request_id"),
    ),
}
