"""The pieces that operations are built from: parameters and answers."""

from typing import Any

from app.bounds import LATEST_SECONDS
from app.openapi.schema import Schema, any_of, enum_of, ref

JSON = "application/json"
# Of the examples.
NOW = 1795490591.055626
EVENT_ID = "01a20b94-314e-7ac1-ac1a-66066c2f0000"


def query(name: str, description: str, schema: Schema, **more: Any) -> dict[str, Any]:
    """A query parameter."""
    return {"name": name, "in": "query", "description": description, "schema": schema, **more}


def whole(low: int, high: int, **more: Any) -> Schema:
    """A whole number."""
    return {"type": "integer", "minimum": low, "maximum": high, **more}


def word(*words: str, default: str) -> Schema:
    """One of some words."""
    return enum_of(*words, default=default)


def json_of(description: str, schema: str, example: Any) -> dict[str, Any]:
    """An answer in JSON; `schema` names one of the document's components."""
    return {"description": description, "content": {JSON: {"schema": ref(schema), "example": example}}}


_TIME = any_of({"type": "number", "minimum": 0, "maximum": LATEST_SECONDS}, {"type": "string", "format": "date-time"})
FROM = query("from", "Not before; seconds since 1970, or ISO 8601 (UTC where it has no offset)", _TIME)
TO = query("to", "Before; like `from`", _TIME)
CURSOR = query("cursor", "`next_cursor` of the page before, the other parameters unchanged", {"type": "string"})
