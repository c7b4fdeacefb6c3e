"""GET /events: filters, order, pages, files."""

import random
import threading
import time
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from tests.conftest import SAME_ON_EVERY_SERVER
from tests.http_client import audit, event, pages, problem
from tests.integration.archived_events import archive_events
from tests.servers import Stack, eventually

pytestmark = SAME_ON_EVERY_SERVER
Item = dict[str, Any]


def test_an_event_is_shown_as_it_was_taken(http: httpx2.Client, area: int) -> None:
    before = round(time.time(), 3)
    http.post("/events", json=event(area, "ann", epoch_timestamp=before - 1.5)).raise_for_status()
    (item,) = eventually(lambda: audit(http, area_code=area)["items"])
    assert before - 0.01 < item.pop("recorded_at") < time.time()
    assert len(item.pop("event_id")) == 36
    assert item == {
        "area_code": str(area),
        "multiplayer_mode": "duel",
        "user_id": f"ann@{area}",
        "events_name": "LOGIN",
        "epoch_timestamp": before - 1.5,
        "delta": 1,
        "outcome": "applied",
    }


def test_filters_combine(http: httpx2.Client, area: int) -> None:
    rows = archive_events(http, area)
    assert {row["outcome"] for row in rows} >= {"applied", "stale", "late"}
    middle = rows[len(rows) // 3]["epoch_timestamp"]
    choices: dict[str, list[Any]] = {
        "area_code": [area],
        "multiplayer_mode": ["duel", None],
        "user_id": [f"u1@{area}", None],
        "events_name": ["logout", None],
        "outcome": ["applied", "late", None],
        "from": [middle, None],
        "to": [middle, datetime.fromtimestamp(middle, UTC).isoformat(), None],
    }
    chance = random.Random(1)
    for _ in range(60):
        params = {name: value for name, some in choices.items() if (value := chance.choice(some)) is not None}
        expected = [
            row
            for row in rows
            if row["area_code"] == str(area)
            and row["multiplayer_mode"] == params.get("multiplayer_mode", row["multiplayer_mode"])
            and row["user_id"] == params.get("user_id", row["user_id"])
            and row["events_name"] == str(params.get("events_name", row["events_name"])).upper()
            and row["outcome"] == params.get("outcome", row["outcome"])
            and ("from" not in params or row["epoch_timestamp"] >= middle)
            and ("to" not in params or row["epoch_timestamp"] < middle)
        ]
        assert audit(http, **params, limit=1000) == {"items": expected, "next_cursor": None}, params


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_pages_put_together_are_the_whole(http: httpx2.Client, area: int, order: str, limit: int) -> None:
    rows = [row for row in archive_events(http, area) if row["area_code"] == str(area)]
    times = [row["epoch_timestamp"] for row in rows]
    assert len(set(times)) < len(times), "some are at the same time"
    begin, end = times[-3], times[3]
    assert pages(http, area_code=area, order=order, limit=limit) == (rows if order == "desc" else rows[::-1])
    inside = [row for row in rows if begin <= row["epoch_timestamp"] < end]
    window = {"area_code": area, "order": order, "limit": limit, "from": begin, "to": end}
    assert pages(http, **window) == (inside if order == "desc" else inside[::-1])


def test_paging_while_events_are_archived_misses_and_doubles_nothing(http: httpx2.Client, stack: Stack) -> None:
    mode = "paged"
    areas = [600_000 + n for n in range(20)]
    before = [event(area, f"b{n}", mode=mode) for area in areas for n in range(150)]
    http.post("/events", json=before).raise_for_status()
    eventually(lambda: len(pages(http, multiplayer_mode=mode, limit=1000)) == len(before))
    stop = threading.Event()
    posted: list[str] = []

    def post() -> None:
        with httpx2.Client(base_url=stack.url, timeout=10) as client:
            while not stop.is_set():
                at = round(time.time() - len(posted) % 100, 3)
                some = [event(area, f"w{len(posted)}", mode=mode) | {"epoch_timestamp": at} for area in areas]
                client.post("/events", json=some).raise_for_status()
                posted.extend(item["user_id"] for item in some)

    thread = threading.Thread(target=post)
    thread.start()
    try:
        eventually(lambda: audit(http, user_id=posted[0])["items"] if posted else None)
        for order in ("desc", "asc"):
            found = pages(http, multiplayer_mode=mode, limit=50, order=order)
            identities = [item["event_id"] for item in found]
            assert len(set(identities)) == len(identities)
            assert {e["user_id"] for e in before} <= {item["user_id"] for item in found}
            keys = [(item["epoch_timestamp"], item["event_id"]) for item in found]
            assert keys == sorted(keys, reverse=order == "desc")
    finally:
        stop.set()
        thread.join()
    total = len(before) + len(posted)
    eventually(lambda: len(pages(http, multiplayer_mode=mode, limit=1000)) == total)


def test_changed_or_foreign_cursors_are_refused(http: httpx2.Client, area: int) -> None:
    rows = archive_events(http, area)
    params = {"area_code": area, "limit": 1}
    cursor = audit(http, **params)["next_cursor"]
    assert audit(http, **params, cursor=cursor)["items"] == [[r for r in rows if r["area_code"] == str(area)][1]]
    for index in (0, len(cursor) // 2, len(cursor) - 1):  # each one: tests/unit/test_cursor.py
        other = "B" if cursor[index] != "B" else "C"
        changed = cursor[:index] + other + cursor[index + 1 :]
        refused = problem(http.get("/events", params={**params, "cursor": changed}), 400)
        assert refused["code"] == "invalid_cursor"
        assert refused["errors"][0]["loc"] == ["query", "cursor"]
    for foreign in ({"area_code": area + 1}, {"order": "asc"}, {"user_id": "x"}, {"from": 1}, {"outcome": "late"}):
        assert problem(http.get("/events", params={**params, **foreign, "cursor": cursor}), 400)
    for nonsense in ("", "x", cursor + "A", cursor * 2, "ü" * len(cursor), "%00"):
        assert problem(http.get("/events", params={**params, "cursor": nonsense}), 400)
    assert problem(http.get("/users/u/history", params={"cursor": cursor}), 400)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("order=up", "order"),
        ("format=xml", "format"),
        ("events_name=JOIN", "events_name"),
        ("outcome=good", "outcome"),
        ("area_code=", "area_code"),
        ("area_code=a|b", "area_code"),
        ("user_id=%00", "user_id"),
        ("area_code=1&area_code=2", "area_code"),
        ("from=yesterday", "from"),
        ("from=-1", "from"),
        ("from=nan", "from"),
        ("from=1e5", "from"),
        ("to=99999999999999", "to"),
        ("to=2026-13-01", "to"),
        ("from=2&to=1", "to"),
        ("area=1", "area"),
    ],
)
def test_bad_question_is_named(http: httpx2.Client, query: str, name: str) -> None:
    refused = problem(http.get(f"/events?{query}"), 422)
    assert refused["errors"][0]["loc"] == ["query", name]


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T08:00:00Z",
        "2026-11-24T10:00:00+02:00",
        "2026-11-24T10:00:00%2B02:00",
        "2026-11-24 08:00",
        "20261124T08",
    ],
)
def test_times_are_seconds_or_iso_8601(http: httpx2.Client, area: int, text: str) -> None:
    moment = datetime(2026, 11, 24, 8, tzinfo=UTC).timestamp()
    cursors = {
        http.get(f"/events?limit=1&from={begin}&to=2999-01-01").json()["next_cursor"] for begin in (text, moment)
    }
    assert len(cursors) == 1, "the same question, so the same cursor"
