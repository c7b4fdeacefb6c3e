"""The service itself: health, this document, the pages."""

from typing import Any

from app.openapi.operation import JSON, json_of
from app.openapi.problems import RETRY_AFTER, refused
from app.openapi.schema import Schema, answer, enum_of, list_of

HEALTHZ = {
    "operationId": "getHealth",
    "tags": ["service"],
    "summary": "Whether the process lives",
    "responses": {"200": json_of("It does, whatever its stores do", "Health", {"status": "ok"}), **refused()},
}

READYZ = {
    "operationId": "getReadiness",
    "tags": ["service"],
    "summary": "Whether events are taken, and how durable they are",
    "responses": {
        "200": json_of("They are", "Ready", {"status": "ready", "durability": "full"}),
        "503": json_of("They are not", "NotReady", {"status": "not_ready", "reason": "redis_unavailable"})
        | {"headers": RETRY_AFTER},
        **refused(),
    },
}

METRICS = {
    "operationId": "getMetrics",
    "tags": ["service"],
    "summary": "The figures of the process that answers, for Prometheus",
    "description": "Without a key where MODEPULSE_METRICS_OPEN is true; not served here with MODEPULSE_METRICS_PORT.",
    "responses": {
        "200": {
            "description": "Prometheus's text format",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": "modepulse_ready 1.0\n"}},
        },
        **refused(),
    },
}

OPENAPI = {
    "operationId": "getOpenapi",
    "tags": ["service"],
    "summary": "This document",
    "responses": {
        "200": {"description": "OpenAPI 3.1", "content": {JSON: {"schema": {"type": "object"}}}},
        **refused(),
    },
}


def _page(summary: str, name: str) -> dict[str, Any]:
    """An operation that answers with a page."""
    return {
        "operationId": name,
        "tags": ["service"],
        "summary": summary,
        "responses": {
            "200": {"description": "A page", "content": {"text/html": {"schema": {"type": "string"}}}},
            **refused(),
        },
    }


DOCS = _page("The API docs", "getDocs")
PAGE = _page("The live dashboard", "getPage")

STATIC = {
    "operationId": "getStatic",
    "tags": ["service"],
    "summary": "What the pages are made of",
    "parameters": [
        {
            "name": "path",
            "in": "path",
            "required": True,
            "description": "A file",
            "schema": {"type": "string"},
            "example": "icon.svg",
        }
    ],
    "responses": {
        "200": {
            "description": "The file",
            "content": {
                content_type: {"schema": {"type": "string"}}
                for content_type in ("text/javascript", "text/css", "text/html", "text/plain", "image/svg+xml")
            },
        },
        **refused("not_found"),
    },
}

SCHEMAS: dict[str, Schema] = {
    "Health": answer("The process lives", {"status": {"const": "ok"}}),
    "Ready": answer(
        "Events are taken",
        {
            "status": {"const": "ready"},
            "durability": enum_of("full", "degraded", "unknown"),
            "degraded": list_of({"type": "string"}, description="Redis settings that keep less than is promised"),
        },
        ("degraded",),
    ),
    "NotReady": answer(
        "Events are not taken",
        {
            "status": {"const": "not_ready"},
            "reason": enum_of("redis_unavailable", "partition_closed", "settings_mismatch", "keys_unknown"),
        },
    ),
}
