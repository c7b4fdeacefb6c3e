"""The page's login: a key is exchanged for a cookie."""

from typing import Any

from app.openapi.operation import JSON, json_of
from app.openapi.problems import BODY, refused
from app.openapi.schema import Schema, answer, list_of, nullable, ref

_EXAMPLE = {"required": True, "name": "the studio's dashboard", "scopes": ["read"], "dev": False}
_OUT: dict[str, Any] = {"required": True, "name": None, "scopes": [], "dev": False}
_COOKIE = {"Set-Cookie": {"description": "The session: HttpOnly, SameSite=Strict", "schema": {"type": "string"}}}

GET_LOGIN: dict[str, Any] = {
    "operationId": "getLogin",
    "tags": ["service"],
    "summary": "Whether a key is needed, and whose session this is",
    "responses": {"200": json_of("Whatever it is", "Login", _EXAMPLE), **refused("keys_unknown")},
}

POST_LOGIN: dict[str, Any] = {
    "operationId": "postLogin",
    "tags": ["service"],
    "summary": "Log in on the page",
    "description": "For the page, as EventSource sends no headers; programs send their key with each request. The"
    " session is a cookie that stands for the key and is as good as that. Only pages of this origin may do this.",
    "requestBody": {
        "required": True,
        "content": {
            media_type: {
                "schema": ref("LoginRequest"),
                "example": {"key": "mp_read_k3v0s8wq1x_(40 letters and digits)"},
            }
            for media_type in (JSON, "application/x-www-form-urlencoded")
        },
    },
    "responses": {
        "200": json_of("Logged in", "Login", _EXAMPLE) | {"headers": _COOKIE},
        **refused(
            *BODY,
            "invalid_request",
            "invalid_key",
            "revoked_key",
            "expired_key",
            "insufficient_scope",
            "admin_disabled",
            "keys_unknown",
            "redis_unavailable",
        ),
    },
}

POST_LOGOUT: dict[str, Any] = {
    "operationId": "postLogout",
    "tags": ["service"],
    "summary": "Log out on the page",
    "description": "Only pages of this origin may do this.",
    "responses": {"200": json_of("Logged out", "Login", _OUT) | {"headers": _COOKIE}, **refused()},
}

SCHEMAS: dict[str, Schema] = {
    "LoginRequest": {
        "type": "object",
        "properties": {"key": {"type": "string", "minLength": 1, "description": "A key with the scope read, or more"}},
        "required": ["key"],
    },
    "Login": answer(
        "Who is logged in",
        {
            "required": {"type": "boolean", "description": "Whether a key is needed to read"},
            "name": nullable({"type": "string", "description": "Of the key; null without a valid one"}),
            "scopes": list_of({"type": "string"}),
            "dev": {"type": "boolean", "description": "Whether this is `modepulse dev`, or MODEPULSE_DEV is true"},
        },
    ),
}
