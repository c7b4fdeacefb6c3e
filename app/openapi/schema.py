"""The pieces that schemas are built from."""

from typing import Any

Schema = dict[str, Any]

NAME: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f|]+$",
}
COUNT: Schema = {"type": "integer", "minimum": 0}
SECONDS: Schema = {"type": "number", "minimum": 0, "description": "Seconds since 1970, with fraction"}
NEXT_CURSOR: Schema = {
    "type": ["string", "null"],
    "description": "To be sent as `cursor` for the next page, the other parameters unchanged. Null: this is the last",
}


def ref(name: str) -> Schema:
    """To a schema of the document's components."""
    return {"$ref": f"#/components/schemas/{name}"}


def any_of(*schemas: Schema) -> Schema:
    """What one of the schemas allows."""
    return {"anyOf": list(schemas)}


def enum_of(*words: str, **more: Any) -> Schema:
    """One of some words."""
    return {"type": "string", "enum": list(words), **more}


def list_of(item: Schema, **more: Any) -> Schema:
    """`more`: the array's further keywords."""
    return {"type": "array", "items": item, **more}


def answer(description: str, properties: dict[str, Schema], optional: tuple[str, ...] = ()) -> Schema:
    """An object with exactly these fields, all but the optional ones always present."""
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def nullable(schema: Schema) -> Schema:
    """The schema, or null."""
    if "$ref" in schema:
        return any_of(schema, {"type": "null"})
    return {**schema, "type": [schema["type"], "null"]}
