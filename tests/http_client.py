"""Requests to the HTTP interface and readings of its answers, for tests."""

import json
import re
import string
from typing import Any
from urllib.parse import quote

import httpx2
from starlette.requests import Request

from app.openapi import document
from app.openapi.problems import codes_of

OF_ANY_PATH = {
    (400, "unknown_host"),
    (403, "foreign_origin"),
    (405, "method_not_allowed"),
    (421, "unknown_host"),
}
PATHS: dict[str, Any] = json.loads(document())["paths"]


def request(query: str = "", headers: dict[str, str] | None = None) -> Request:
    """A GET as a handler receives it, without a server; `query` as it stands in the URL, or in Unicode."""
    raw = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    encoded = quote(query, safe=string.printable).encode()
    return Request({"type": "http", "method": "GET", "path": "/", "query_string": encoded, "headers": raw})


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


def post(http: httpx2.Client, *items: dict[str, Any]) -> None:
    http.post("/events", json=list(items)).raise_for_status()


def stats(http: httpx2.Client, *areas: Any, **more: Any) -> Any:
    """The answer of GET /stats."""
    return http.get("/stats", params={"area_code": areas, **more}).raise_for_status().json()


def ranking(**players: int) -> list[dict[str, Any]]:
    """An area's modes as GET /stats lists them, in the order given."""
    return [{"multiplayer_mode": mode, "count": count} for mode, count in players.items()]


def problem(response: httpx2.Response, status: int) -> dict[str, Any]:
    """The body of an error response, checked to be one that the OpenAPI document has for this path."""
    assert response.status_code == status, response.text[:500]
    assert response.headers["content-type"] == "application/problem+json"
    read: dict[str, Any] = response.json()
    assert read["status"] == status
    if (status, read["code"]) not in OF_ANY_PATH:
        operation = documented(response.request.url.path)[response.request.method.lower().replace("head", "get")]
        assert read["code"] in codes_of(operation["responses"][str(status)])
    return read


def documented(path: str) -> dict[str, Any]:
    """The operations of a path; an unknown path is answered like a file that does not exist."""
    for template, operations in PATHS.items():
        if re.fullmatch(re.sub(r"\{\w+\}", ".+", template) + "/?", path):
            return dict(operations)
    return dict(PATHS["/static/{path}"])


def audit(http: httpx2.Client, **params: Any) -> Any:
    """A page of GET /events."""
    return http.get("/events", params=params).raise_for_status().json()


def pages(http: httpx2.Client, **params: Any) -> list[dict[str, Any]]:
    """All items, page after page."""
    found: list[dict[str, Any]] = []
    while True:
        page = audit(http, **params)
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        params["cursor"] = page["next_cursor"]
