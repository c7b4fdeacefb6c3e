"""GET /history, /history/top, /users/{user_id}/history: against an independent reading of the events."""

import random
import time
from itertools import pairwise
from typing import Any

import httpx2
import pytest

from tests.conftest import SAME_ON_EVERY_SERVER
from tests.http_client import event, problem
from tests.minutes_model import EVENTS, MINUTES, minutes_of
from tests.postgres import query
from tests.servers import Stack, eventually, modepulse

pytestmark = SAME_ON_EVERY_SERVER
Point = tuple[int, int]


def play(http: httpx2.Client, stack: Stack, area: int) -> list[Any]:
    """Posts log-ins and log-outs of the last 14 minutes, in no order; returns the area's rows that count."""
    chance = random.Random(area)
    now = time.time()
    for _ in range(6):
        items = [
            event(
                area,
                f"u{chance.randrange(30)}",
                chance.choice(("LOGIN", "LOGOUT")),
                chance.choice(("duel", "ctf", "co op")),
            )
            | {"epoch_timestamp": round(now - chance.uniform(0, 840), 3)}
            for _ in range(100)
        ]
        http.post("/events", json=items).raise_for_status()
    http.post("/events", json=event(area, "last")).raise_for_status()
    eventually(lambda: http.get("/events", params={"user_id": f"last@{area}"}).json()["items"])
    return [row for row in query(stack, EVENTS) if row["area_code"] == str(area)]


def expected_series(events: list[Any], starts: range, peak: bool) -> dict[str, list[Point]]:
    """Counted step by step from the minutes of the events, which are counted from the events alone."""
    series = {}
    minutes = minutes_of(events)
    for mode in sorted({mode for _, mode, *_ in minutes}):
        of_mode = [(minute, last, highest) for _, of, minute, last, highest, *_ in minutes if of == mode]
        points = []
        for start in starts:
            before = [last for minute, last, _ in of_mode if minute < start]
            inside = [(last, highest) for minute, last, highest in of_mode if start <= minute < start + starts.step]
            count = before[-1] if before else 0
            if peak:
                points.append((start, max([count, *(highest for _, highest in inside)])))
            else:
                points.append((start, [count, *(last for last, _ in inside)][-1]))
        if any(count for _, count in points):
            series[mode] = points
    return series


@pytest.mark.parametrize("peak", [False, True])
@pytest.mark.parametrize("step", [60, 120, 300, 3600])
def test_history_is_what_the_events_say(http: httpx2.Client, stack: Stack, area: int, step: int, peak: bool) -> None:
    events = play(http, stack, area)
    now = time.time()
    starts = range(int((now - 1800) // step) * step, int(now // step) * step + 1, step)
    params: dict[str, Any] = {"area_code": area, "from": now - 1800, "to": now, "step": step, "peak": str(peak).lower()}
    answer = http.get("/history", params=params).raise_for_status().json()
    expected = expected_series(events, starts, peak)
    assert answer["area_code"] == str(area)
    assert answer["step"] == step
    assert {mode: [tuple(point) for point in points] for mode, points in answer["series"].items()} == expected
    only = http.get("/history", params=params | {"multiplayer_mode": "duel"}).json()["series"]
    assert list(only) == ["duel"]
    top = http.get("/history/top", params=params).raise_for_status().json()["top"]
    for at, mode, count in top:
        counts = {name: dict(points)[at] for name, points in expected.items()}
        most = max(counts.values(), default=0)
        assert count == most
        assert mode == (max(name for name in counts if counts[name] == most) if most else None)
    assert [at for at, _, _ in top] == list(starts)


def test_history_s_last_point_is_what_stats_say(http: httpx2.Client, stack: Stack, area: int) -> None:
    play(http, stack, area)
    series = http.get("/history", params={"area_code": area}).json()["series"]
    stats = http.get("/stats", params={"area_code": area}).json()[str(area)]
    assert {mode: points[-1][1] for mode, points in series.items() if points[-1][1]} == {
        row["multiplayer_mode"]: row["count"] for row in stats
    }
    assert all(b[0] - a[0] == 60 for points in series.values() for a, b in pairwise(points))
    assert {len(points) for points in series.values()} == {60}


def test_a_peak_between_two_steps_ends_is_seen(http: httpx2.Client, area: int) -> None:
    names = ["LOGIN"] * 7 + ["LOGOUT"] * 5
    http.post("/events", json=[event(area, f"u{n % 7}", name) for n, name in enumerate(names)]).raise_for_status()
    params: dict[str, Any] = {"area_code": area}
    series = eventually(lambda: http.get("/history", params=params).json()["series"])
    assert series["duel"][-1][1] == 2
    peaks = http.get("/history", params=params | {"peak": "true"}).json()["series"]["duel"]
    assert max(count for _, count in peaks) == 7


def test_areas_and_times_without_players_are_empty(http: httpx2.Client, area: int) -> None:
    params = {"area_code": area, "from": 120, "to": 300}
    assert http.get("/history", params=params).json() == {"area_code": str(area), "step": 60, "series": {}}
    top = http.get("/history/top", params=params).json()["top"]
    assert top == [[120, None, 0], [180, None, 0], [240, None, 0]]
    future = {"area_code": area, "from": time.time() + 3600, "to": time.time() + 7200}
    assert http.get("/history/top", params=future).json()["top"] == []


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("/history?", "area_code"),
        ("/history?area_code=1&area_code=2", "area_code"),
        ("/history?area_code=1&step=59", "step"),
        ("/history?area_code=1&step=90", "step"),
        ("/history?area_code=1&from=0&to=2000000&step=60", "step"),
        ("/history?area_code=1&from=5&to=4", "to"),
        ("/history?area_code=1&peak=maybe", "peak"),
        ("/history?area_code=1&mode=duel", "mode"),
        ("/history/top?area_code=1&multiplayer_mode=duel", "multiplayer_mode"),
        ("/users/u/history?limit=0", "limit"),
        ("/users/u/history?order=asc", "order"),
    ],
)
def test_bad_question_is_named(http: httpx2.Client, query: str, name: str) -> None:
    assert problem(http.get(query), 422)["errors"][0]["loc"] == ["query", name]


def sessions(http: httpx2.Client, user: str, **params: Any) -> Any:
    return http.get(f"/users/{user}/history", params=params).raise_for_status().json()["sessions"]


def test_user_s_history_is_the_sessions(http: httpx2.Client, area: int) -> None:
    user = f"ann@{area}"
    now = round(time.time(), 3)
    times = {"LOGIN": now - 500, "LOGOUT": now - 300}
    for mode in ("duel", "ctf"):
        for name, at in times.items():
            http.post("/events", json=event(area, "ann", name, mode) | {"epoch_timestamp": at + (mode == "ctf")})
    http.post("/events", json=event(area, "ann", "HEARTBEAT") | {"epoch_timestamp": now - 100})
    http.post("/events", json=event(area, "ann", "LOGIN") | {"epoch_timestamp": now - 50})  # plays already
    http.post("/events", json=event(area, "ann", "LOGOUT") | {"epoch_timestamp": now - 400})  # too old
    expected = [
        ("duel", now - 100, None, None, None),
        ("ctf", now - 499, now - 299, 200, "logout"),
        ("duel", now - 500, now - 300, 200, "logout"),
    ]

    def read(**params: Any) -> list[tuple[Any, ...]]:
        assert all(session["area_code"] == str(area) for session in sessions(http, user, **params))
        return [
            (s["multiplayer_mode"], s["from"], s["to"], s["seconds"], s["ended_by"])
            for s in sessions(http, user, **params)
        ]

    eventually(lambda: len(read()) == 3)
    assert read() == expected
    assert read(**{"from": now - 499, "to": now - 100}) == expected[1:2]
    found: list[Any] = []
    cursor = None
    while True:
        params = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = http.get(f"/users/{user}/history", params=params).json()
        found += page["sessions"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == sessions(http, user)
    assert sessions(http, "nobody") == []


def test_expired_session_is_shown_as_such(tmp_path: Any) -> None:
    with Stack(tmp_path / "data", session_lease_seconds="2") as stack:
        httpx2.post(stack.url + "/events", json=event(1, "crash")).raise_for_status()

        def ended() -> Any:
            (session,) = httpx2.get(stack.url + "/users/crash@1/history").json()["sessions"] or [{}]
            return session if session.get("to") else None

        session = eventually(ended)
        assert session["ended_by"] == "expired"
        assert session["seconds"] == round(session["to"] - session["from"], 6) >= 2
        assert session["to"] <= time.time()


def test_simulated_history_is_whole_and_leaves_the_counters_alone(own_stack: Stack) -> None:
    """On a service of its own: nobody else may play in its areas and its newest minute."""
    with own_stack as stack, httpx2.Client(base_url=stack.url, timeout=10) as http:
        areas = {"101", "102", "103"}

        def live() -> list[Any]:
            return [area for area in http.get("/areas").json()["areas"] if area["area_code"] in areas]

        # In a minute that the simulated history does not reach: it is archived behind this event, but its events are of
        # an earlier time, and peaks are counted in the order in which events are archived.
        ahead = (int(time.time()) // 60 + 1) * 60
        http.post("/events", json=event(101, "stays") | {"epoch_timestamp": ahead}).raise_for_status()
        eventually(lambda: http.get("/events", params={"user_id": "stays@101"}).json()["items"])
        before = eventually(live)
        done = modepulse(
            "simulate", "--to-postgres", "--events", "20000", "--days", "3", "--users", "100", "--areas", "3",
            "--seed", "5", "--data-dir", str(stack.directory),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        written = int(done.stdout.split()[0])
        assert 19_000 < written < 22_000
        # Of these areas only: in others sessions may expire meanwhile.
        minutes = [tuple(row) for row in query(stack, MINUTES) if row["area_code"] in areas]
        assert minutes == minutes_of(row for row in query(stack, EVENTS) if row["area_code"] in areas)
        (lowest,) = query(stack, "SELECT min(last) AS last FROM area_mode_minutes")
        assert lowest["last"] == 0
        (default,) = query(stack, "SELECT count(*) AS rows FROM area_mode_events_default")
        assert default["rows"] == 0
        assert live() == before
        series = http.get("/history", params={"area_code": 101, "from": time.time() - 86_400, "step": 3600}).json()
        assert len(series["series"]) == 5
        verified = modepulse("verify", "--data-dir", str(stack.directory))
        assert verified.returncode == 0, verified.stdout
