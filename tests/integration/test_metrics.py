"""What both processes show at /metrics: it moves with what happens, and clients cannot make it grow."""

import re
from pathlib import Path

import httpx2
import redis

from app.api.recorded import template
from app.request_metrics import METHODS, OTHER, UNMATCHED
from app.routes import PROBLEM_CODES, routes
from app.settings import Settings
from tests.conftest import SAME_ON_EVERY_SERVER
from tests.http_client import event, post, problem
from tests.postgres import query
from tests.prometheus import figures, value
from tests.raw_http import exchange
from tests.servers import Stack, eventually
from tests.sse_client import listening

pytestmark = SAME_ON_EVERY_SERVER

REQUESTS, SECONDS = "modepulse_http_requests_total", "modepulse_http_request_duration_seconds"


def test_requests_are_counted_by_route_and_status(stack: Stack, http: httpx2.Client) -> None:
    before = figures(stack)
    area = "metrics-requests"
    sent: list[tuple[httpx2.Response, str]] = [
        (http.post("/events", json=event(area)), "/events"),
        (http.post("/events/", json=event(area)), "/events"),
        (http.post("/events", content=b"{"), "/events"),
        (http.get("/stats", params={"area_code": area}), "/stats"),
        (http.head("/stats", params={"area_code": area}), "/stats"),
        (http.get("/stats"), "/stats"),
        (http.get("/users/ann/sessions"), "/users/{user_id}/sessions"),
        (http.get("/users/bob%2Fx/sessions/"), "/users/{user_id}/sessions"),
        (http.get("/static/icon.svg"), "/static/{path}"),
        (http.get("/static/none.svg"), "/static/{path}"),
        (http.delete("/users/ann"), "/users/{user_id}"),
        (http.get("/"), "/"),
        (http.get("/history", params={"area_code": area}), "/history"),
        (http.get("/nowhere"), UNMATCHED),
        (http.put("/events"), UNMATCHED),
        (http.get("/%ff"), UNMATCHED),
        (http.get("/stats", headers={"Host": "evil.example"}), UNMATCHED),
        (http.post("/events", headers={"Origin": "https://evil.example"}, json=event(area)), UNMATCHED),
    ]
    expected: dict[tuple[str, str, str], int] = {}
    for answer, route in sent:
        kind = (answer.request.method, route, str(answer.status_code))
        expected[kind] = expected.get(kind, 0) + 1
    after = figures(stack)
    for (method, route, status), count in expected.items():
        labels = {"method": method, "route": route, "status": status}
        assert value(after, REQUESTS, **labels) - value(before, REQUESTS, **labels) == count, labels
        assert value(after, f"{SECONDS}_count", **labels) == value(after, REQUESTS, **labels)
        buckets = [v for sample, v in after[f"{SECONDS}_bucket"].items() if dict(sample).items() >= labels.items()]
        assert buckets == sorted(buckets)
        assert buckets[-1] == value(after, REQUESTS, **labels)
        assert value(after, f"{SECONDS}_sum", **labels) > value(before, f"{SECONDS}_sum", **labels)


def test_a_stream_counts_when_it_starts_and_is_a_listener_while_it_lasts(stack: Stack) -> None:
    labels = {"method": "GET", "route": "/stats/stream", "status": "200"}
    before = figures(stack)
    with listening(stack.url, "metrics-stream"):
        eventually(lambda: value(figures(stack), "modepulse_listeners") - value(before, "modepulse_listeners") == 1)
        assert value(figures(stack), REQUESTS, **labels) - value(before, REQUESTS, **labels) == 1
    eventually(lambda: value(figures(stack), "modepulse_listeners") == value(before, "modepulse_listeners"))


def test_refusals_are_counted_by_code_also_of_what_is_no_request(stack: Stack, http: httpx2.Client) -> None:
    before = figures(stack)
    refused = [
        problem(http.post("/events", content=b"{"), 400),
        problem(http.get("/nowhere"), 404),
        problem(http.get("/stats"), 422),
        problem(http.get("/areas?api_key=x"), 422),
    ]
    exchange(stack, b"NONSENSE\r\n\r\n")
    after = figures(stack)
    for code in [*(answer["code"] for answer in refused), "malformed_request"]:
        name = "modepulse_refusals_total"
        assert value(after, name, code=code) - value(before, name, code=code) == 1, code
    assert {dict(labels)["code"] for labels in after["modepulse_refusals_total"]} == set(PROBLEM_CODES)


def test_events_are_counted_by_kind_and_outcome_and_then_as_rows(stack: Stack, http: httpx2.Client) -> None:
    area, now = "metrics-events", 1_700_000_000
    before, rows_before = figures(stack), figures(stack, "archiver")
    items = [
        event(area, "a"),
        event(area, "a", "LOGIN"),
        event(area, "a", "heartbeat"),
        event(area, "a", "LOGOUT"),
        event(area, "b", epoch_timestamp=now),
    ]
    post(http, *items)
    after = figures(stack)
    expected = {
        ("LOGIN", "applied"): 1,
        ("LOGIN", "refreshed"): 1,
        ("HEARTBEAT", "refreshed"): 1,
        ("LOGOUT", "applied"): 1,
        ("LOGIN", "late"): 1,
    }
    for (kind, outcome), count in expected.items():
        labels = {"kind": kind, "outcome": outcome}
        assert (
            value(after, "modepulse_events_total", **labels) - value(before, "modepulse_events_total", **labels)
            == count
        )
    for name in ("modepulse_group_events", "modepulse_script_call_duration_seconds"):
        assert value(after, f"{name}_count") - value(before, f"{name}_count") == 1
    assert value(after, "modepulse_group_events_sum") - value(before, "modepulse_group_events_sum") == len(items)
    rows = "modepulse_archived_events_total"
    del expected["HEARTBEAT", "refreshed"]  # is not logged

    def archived() -> bool:
        now = figures(stack, "archiver")
        return all(
            value(now, rows, kind=kind, outcome=outcome) - value(rows_before, rows, kind=kind, outcome=outcome) == count
            for (kind, outcome), count in expected.items()
        )

    eventually(archived)
    eventually(lambda: value(figures(stack), "modepulse_archive_lag_events") == 0)


def test_sessions_log_and_expiry(tmp_path: Path) -> None:
    with Stack(tmp_path / "data", session_lease_seconds="1") as stack, httpx2.Client(base_url=stack.url) as http:
        post(http, *(event(1, f"u{n}") for n in range(3)))
        assert value(figures(stack), "modepulse_sessions") <= 3
        eventually(lambda: value(figures(stack), "modepulse_log_entries") >= 1)
        eventually(lambda: value(figures(stack, "archiver"), "modepulse_sessions_expired_total") == 3)
        eventually(lambda: value(figures(stack), "modepulse_sessions") == 0)
        succeeded = figures(stack, "archiver")["modepulse_archiver_job_last_success_timestamp_seconds"]
        assert {dict(labels)["task"] for labels in succeeded} >= {
            "lead",
            "drain",
            "expire",
            "trim",
            "keys",
            "retention",
        }
        assert value(figures(stack, "archiver"), "modepulse_archiver_leads") == 1


def test_what_cannot_be_stored_is_counted_once(tmp_path: Path) -> None:
    with Stack(tmp_path / "data") as stack, redis.Redis.from_url(stack.run["redis_url"]) as client:
        client.xadd("{0}:events", {"some": "thing"})
        eventually(lambda: value(figures(stack, "archiver"), "modepulse_archive_rejects_total") == 1)
        assert query(stack, "SELECT count(*) FROM archive_rejects")[0][0] == 1


def test_clients_make_no_series(stack: Stack, http: httpx2.Client) -> None:
    """Whatever names, methods, paths and codes they send."""
    for number in range(20):
        http.get(f"/made-up-{number}")
        http.get(f"/users/made-up-{number}/sessions")
        http.request("PROPFIND", f"/made-up-{number}")
        http.post("/events", json=event(f"made-up-{number}", mode=f"made-up-{number}"))
        exchange(stack, b"MADEUP%d / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % number)
    answer = http.get("/metrics").text
    assert "made-up" not in answer
    assert "MADEUP" not in answer
    known = {template(route.path).rstrip("/") or "/" for route in routes(Settings()) if hasattr(route, "path")}
    for labels in figures(stack)[REQUESTS]:
        named = dict(labels)
        assert named["route"] in known | {UNMATCHED}
        assert named["method"] in METHODS | {OTHER}
        assert re.fullmatch(r"[1-5]\d\d", named["status"])
