"""What tests of the HTTP interface say and hear."""

from typing import Any

import httpx


def event(area: Any, user: str = "u1", name: str = "LOGIN", mode: str = "duel", **more: Any) -> dict[str, Any]:
    return {
        "area_code": area,
        "multiplayer_mode": mode,
        "user_id": f"{user}@{area}",
        "events_name": name,
    } | more


def post(http: httpx.Client, *items: dict[str, Any]) -> None:
    http.post("/events", json=list(items)).raise_for_status()


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text[:500]
    assert response.headers["content-type"] == "application/problem+json"
    read: dict[str, Any] = response.json()
    assert read["status"] == status
    return read
