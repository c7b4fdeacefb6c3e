"""Requests to the HTTP interface and readings of its answers, for tests."""

import json
import re
from typing import Any

import httpx

from app.openapi import document

PATHS: dict[str, Any] = json.loads(document())["paths"]


def event(area: Any, user: str = "u1", name: str = "LOGIN", mode: str = "duel", **more: Any) -> dict[str, Any]:
    return {
        "area_code": area,
        "multiplayer_mode": mode,
        "user_id": f"{user}@{area}",
        "events_name": name,
    } | more


def log_ins(area: str, mode: str, count: int, first: int = 0) -> list[dict[str, Any]]:
    """Events of `count` users, numbered from `first`."""
    return [event(area, f"{mode}-{n}", mode=mode) for n in range(first, first + count)]


def post(http: httpx.Client, *items: dict[str, Any]) -> None:
    http.post("/events", json=list(items)).raise_for_status()


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The body of an error response, checked to be one that the OpenAPI document has for this path."""
    assert response.status_code == status, response.text[:500]
    assert response.headers["content-type"] == "application/problem+json"
    read: dict[str, Any] = response.json()
    assert read["status"] == status
    if status != 405:
        operation = documented(response.request.url.path)[response.request.method.lower().replace("head", "get")]
        assert read["code"] in codes_of(operation["responses"][str(status)])
    return read


def documented(path: str) -> dict[str, Any]:
    """The operations of a path; an unknown path is answered like a file that does not exist."""
    for template, operations in PATHS.items():
        if re.fullmatch(re.sub(r"\{\w+\}", ".+", template) + "/?", path):
            return dict(operations)
    return dict(PATHS["/static/{path}"])


def codes_of(answer: dict[str, Any]) -> list[str]:
    """The problem codes of a documented response."""
    content = answer.get("content", {}).get("application/problem+json", {})
    return list(content["schema"]["properties"]["code"]["enum"]) if content else []
