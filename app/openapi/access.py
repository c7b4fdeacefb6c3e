"""Keys: who may call what, and the calls that make, list and revoke them."""

from typing import Any

from app.access.need import Need
from app.bounds import KEY_FIELDS
from app.contract.api_key import ID_CHARACTERS, MAX_NAME, MAX_RATE, MIN_RATE, Scope
from app.contract.expiry import EXPIRY_RULE
from app.openapi.operation import JSON, NOW, json_of
from app.openapi.problems import BODY, merged, refused
from app.openapi.schema import SECONDS, Schema, answer, enum_of, list_of, nullable, ref

SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key (`modepulse keys create`), or MODEPULSE_ADMIN_TOKEN: `modepulse dev` keeps one in"
        " `<data-dir>/admin_token`. Not needed while no key was ever made, on loopback; but by what admins do",
    },
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same in a header of its own"},
}
_ALL = ("key_in_query", "too_many_requests")
_WITH_KEY = ("key_required", "invalid_key", "revoked_key", "expired_key", "too_many_wrong_keys", "keys_unknown")


def needing(need: Need, operation: dict[str, Any]) -> dict[str, Any]:
    """The operation with what it needs, and how it is refused without."""
    if not need.limited:
        return {**operation, "responses": merged(operation["responses"], refused("key_in_query"))}
    if need.scope is None:
        return {**operation, "responses": merged(operation["responses"], refused(*_ALL))}
    codes = [*_ALL, *_WITH_KEY, "insufficient_scope", *(["admin_disabled"] if need.always else [])]
    return {
        **operation,
        "security": [{name: [need.scope]} for name in SECURITY_SCHEMES],
        "responses": merged(operation["responses"], refused(*codes)),
    }


KEPT = {
    "id": "k3v0s8wq1x",
    "name": "game servers",
    "scopes": ["ingest"],
    "created_at": NOW,
    "rate": 0.0,
    "expires_at": None,
    "revoked_at": None,
}
_ID = {
    "name": "key_id",
    "in": "path",
    "required": True,
    "description": "The key's id: the part after its scope",
    "schema": {"type": "string", "pattern": f"^[a-z0-9]{{{ID_CHARACTERS}}}$"},
    "example": KEPT["id"],
}

POST_KEY: dict[str, Any] = {
    "operationId": "postKey",
    "tags": ["keys"],
    "summary": "Make a key",
    "description": "The key itself is shown this once; only a digest is kept. It works at once, and everywhere within a"
    " second. From the first key on, keys are needed.",
    "requestBody": {
        "required": True,
        "content": {JSON: {"schema": ref("KeyRequest"), "example": {"name": "game servers", "scopes": ["ingest"]}}},
    },
    "responses": {
        "201": json_of("Made", "NewKey", {"key": "mp_ingest_k3v0s8wq1x_(40 letters and digits)", **KEPT}),
        **refused(*BODY, "invalid_request", "redis_unavailable"),
    },
}

GET_KEYS: dict[str, Any] = {
    "operationId": "getKeys",
    "tags": ["keys"],
    "summary": "All keys, the oldest first",
    "responses": {"200": json_of("Revoked and expired ones included", "Keys", {"keys": [KEPT]}), **refused()},
}

DELETE_KEY: dict[str, Any] = {
    "operationId": "deleteKey",
    "tags": ["keys"],
    "summary": "Revoke a key",
    "description": "Cannot be undone; safe to repeat. Works everywhere within 5 seconds; open streams end.",
    "parameters": [_ID],
    "responses": {
        "200": json_of("Revoked", "Key", {**KEPT, "revoked_at": NOW}),
        **refused("unknown_key", "redis_unavailable"),
    },
}

_KEY_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_NAME}
_SCOPES = list_of(ref("Scope"), minItems=1)
_FIELDS: dict[str, Schema] = {
    "id": {"type": "string"},
    "name": _KEY_NAME,
    "scopes": _SCOPES,
    "created_at": SECONDS,
    "rate": {"type": "number", "minimum": 0, "description": "Requests a second; 0: the setting's"},
    "expires_at": nullable(SECONDS),
    "revoked_at": nullable(SECONDS),
}
SCHEMAS: dict[str, Schema] = {
    "Scope": enum_of(*Scope, description="What a key is for"),
    "KeyRequest": {
        "type": "object",
        "properties": dict(
            zip(
                KEY_FIELDS,
                (
                    {**_KEY_NAME, "pattern": "^[ -~]*[!-~][ -~]*$", "description": "Printable, not only spaces"},
                    _SCOPES,
                    {"type": ["number", "null"], "minimum": MIN_RATE, "maximum": MAX_RATE},
                    {
                        "anyOf": [
                            {"type": "string", "pattern": "^[1-9][0-9]{0,4}[mhdw]$"},
                            {"type": "string", "format": "date-time"},
                            {"type": ["number", "null"]},
                        ],
                        "description": f"It {EXPIRY_RULE}; without it the key has no end",
                        "examples": ["30d", "2030-01-31T12:00:00Z"],
                    },
                ),
                strict=True,
            )
        ),
        "required": list(KEY_FIELDS[:2]),
        "additionalProperties": False,
    },
    "Key": answer("A key, as it is kept", _FIELDS),
    "NewKey": answer("A new key", {"key": {"type": "string", "description": "To be kept secret"}, **_FIELDS}),
    "Keys": answer("The keys", {"keys": list_of(ref("Key"))}),
}
