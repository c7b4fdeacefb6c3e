"""POST /generate_data."""

import time
from typing import Any

import httpx2

from app.contract.samples import MODES
from tests.conftest import SAME_ON_EVERY_SERVER
from tests.http_client import event, post, problem, stats
from tests.servers import eventually

pytestmark = SAME_ON_EVERY_SERVER


def generate(http: httpx2.Client, area: int, **numbers: int) -> list[dict[str, Any]]:
    """The events that POST /generate_data makes, in their order, as they were archived; `area` is of a last event."""
    start = time.time()
    answer = http.post("/generate_data", json=numbers).raise_for_status()
    assert answer.json() == {"cnt_records_generated": numbers["events"]}
    post(http, event(area, f"after {start}"))
    asked: dict[str, Any] = {"from": start, "order": "asc", "limit": 1000}
    # Everything before the last event is archived when it is.
    eventually(lambda: http.get("/events", params={**asked, "area_code": area}).json()["items"])
    rows = http.get("/events", params=asked).raise_for_status().json()["items"]
    return [row for row in rows if row["user_id"].startswith("user_") and row["events_name"] != "EXPIRE"]


def test_generated_data_is_counted_and_repeatable(http: httpx2.Client, area: int) -> None:
    numbers = {"events": 200, "users": 5, "areas": 3, "modes": 2}

    def ends(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
        """Only log-ins and log-outs: a heartbeat that changes nothing is not archived."""
        return [(r["area_code"], r["multiplayer_mode"], r["user_id"], r["events_name"])
                for r in rows if r["events_name"] != "HEARTBEAT"]  # fmt: skip

    first = generate(http, area, **numbers, seed=7)
    assert {row["area_code"] for row in first} == {"100", "101", "102"}
    assert {row["multiplayer_mode"] for row in first} == set(MODES[:2])
    assert {row["user_id"] for row in first} == {f"user_{n}" for n in range(5)}
    active = {(r["user_id"], r["area_code"], r["multiplayer_mode"]): r["events_name"] != "LOGOUT" for r in first}
    sessions = {
        (user, session["area_code"], session["multiplayer_mode"])
        for user in {row["user_id"] for row in first}
        for session in http.get(f"/users/{user}/sessions").json()["sessions"]
    }
    assert sessions & set(active) == {session for session, is_active in active.items() if is_active}
    counted = stats(http, 100, 101, 102)
    assert ends(generate(http, area, **numbers, seed=7)) == ends(first)
    assert stats(http, 100, 101, 102) == counted, "the same events once more leave the same counts"
    assert ends(generate(http, area, **numbers, seed=8)) != ends(first)


def test_numbers_of_generated_data_have_defaults_and_bounds(http: httpx2.Client) -> None:
    assert http.post("/generate_data/").json() == {"cnt_records_generated": 1000}
    assert problem(http.post("/generate_data", json=[]), 422)["code"] == "invalid_request"
    for wrong in ({"events": -1}, {"users": 0}, {"areas": 10_001}, {"modes": True}, {"seed": "7"}):
        (fault,) = problem(http.post("/generate_data", json=wrong), 422)["errors"]
        assert (fault["loc"], fault["code"]) == (list(wrong), "range")
