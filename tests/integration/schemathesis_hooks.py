"""Rules that a schema cannot express, put into the valid requests that schemathesis makes up."""

from typing import Any
from uuid import uuid4

import schemathesis

LATEST = 1_700_000_000


@schemathesis.hook
def map_case(_context: Any, case: Any) -> Any:
    if not case.meta.generation.mode.is_positive:
        return case
    query, headers, body = case.query or {}, case.headers or {}, case.body
    # Only the service makes cursors.
    query.pop("cursor", None)
    # `to` is not before `from`, and a history has at most so many steps.
    query.pop("from", None)
    query.pop("to", None)
    # The body is not compressed.
    headers.pop("Content-Encoding", None)
    # Another request has another key.
    if "Idempotency-Key" in headers:
        headers["Idempotency-Key"] = str(uuid4())
    if isinstance(query.get("area_code"), list):
        query["area_code"] = query["area_code"][:50]  # a URL of 64 kB at most
    # A key ends in a time to come.
    if isinstance(body, dict) and body.get("expires") is not None:
        body["expires"] = "30d"
    # To JSON Schema 1.0 is an integer, to the service it is not.
    case.body = with_integers(body)
    for event in events_of(case.body):
        if isinstance(event.get("epoch_timestamp"), (int, float)):
            event["epoch_timestamp"] = min(event["epoch_timestamp"], LATEST)
    return case


def with_integers(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: with_integers(part) for name, part in value.items()}
    if isinstance(value, list):
        return [with_integers(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def events_of(body: Any) -> list[dict[str, Any]]:
    items = body.get("items", [body]) if isinstance(body, dict) else body
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
