"""What a request may cost in memory and work, against the running service."""

import gzip
import json
from pathlib import Path

import httpx2
import pytest

from tests.conftest import SAME_ON_EVERY_SERVER
from tests.http_client import event, problem
from tests.integration.conftest import SMALL
from tests.raw_http import OTHER, answers, connected, exchange, request, rest
from tests.servers import Stack

pytestmark = SAME_ON_EVERY_SERVER

BODY_BYTES, EVENTS = SMALL["max_body_bytes"], SMALL["max_request_events"]


def memory(stack: Stack) -> int:
    """The most that the API had resident, in bytes."""
    status = Path(f"/proc/{stack.run['pids']['api']}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def test_bodies_are_bounded_in_bytes_events_and_time(small: Stack, small_http: httpx2.Client, area: int) -> None:
    small_http.post("/events", json=[event(area)] * EVENTS).raise_for_status()
    assert problem(small_http.post("/events", json=[event(area)] * (EVENTS + 1)), 422)["code"] == "too_many_events"
    lines = "\n".join(json.dumps(event(area)) for _ in range(EVENTS + 1))
    sent = small_http.post("/events?on_invalid=skip", content=lines, headers={"content-type": "application/x-ndjson"})
    assert problem(sent, 422)["code"] == "too_many_events"
    assert problem(small_http.post("/events", content=b" " * (BODY_BYTES + 1)), 413)["code"] == "body_too_large"
    chunks = (b" " * 100_000 for _ in range(BODY_BYTES // 100_000 + 1))
    assert problem(small_http.post("/events", content=chunks), 413)["code"] == "body_too_large"
    for coding in ("gzip", "x-gzip"):
        sent = small_http.post(
            "/events", content=gzip.compress(b" " * (BODY_BYTES + 1)), headers={"content-encoding": coding}
        )
        assert problem(sent, 413)["code"] == "body_too_large"
    assert problem(small_http.post("/generate_data", content=b" " * 70_000), 413)["code"] == "body_too_large"
    begun = request("POST /events HTTP/1.1", "Content-Length: 10", close=False) + b"["
    assert answers(exchange(small, begun)) == [(408, "body_timeout")]


def test_unfinished_bodies_are_bounded_together(small: Stack, small_http: httpx2.Client, area: int) -> None:
    head = request("POST /events HTTP/1.1", f"Content-Length: {BODY_BYTES}")
    with connected(small, OTHER) as first, connected(small, OTHER) as second:
        first.sendall(head + b" " * (BODY_BYTES - 100))
        second.sendall(head + b" " * (BODY_BYTES - 100))
        small_http.post("/events", json=event(area)).raise_for_status()
        found = [answers(rest(first)), answers(rest(second))]
        assert sorted(found) == [[(408, "body_timeout")], [(503, "bodies_full")]]
    small_http.post("/events", content=b" " * 1_000_000 + json.dumps(event(area)).encode()).raise_for_status()


HOSTILE = {
    "objects": (b"[" + b"{}," * 5_000_000 + b"{}]", ""),
    "numbers": (b"1\n" * 8_000_000, "application/x-ndjson"),
    "nested": (b"[" + b"[" * 500 + b"]" * 500 + b",", ""),
    "strings": (b'["' + b"x" * 15_000_000 + b'"]', ""),
    "digits": (b"[" + b"1" * 15_000_000 + b"]", ""),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("query", ["", "?on_invalid=skip"])
def test_small_body_that_is_large_inside_costs_little(stack: Stack, name: str, query: str) -> None:
    """By the limits that the service has by itself."""
    body, content_type = HOSTILE[name]
    before = memory(stack)
    for whole in (body, body[: 8 * 1024 * 1024]):
        headers = {"content-encoding": "gzip", "content-type": content_type}
        answer = httpx2.post(f"{stack.url}/events{query}", content=gzip.compress(whole), headers=headers, timeout=20)
        assert answer.status_code in (400, 413, 422)
    assert memory(stack) - before < 100_000_000


def test_endless_header_is_not_kept(small: Stack) -> None:
    before = memory(small)
    for start in (
        request("GET /stats HTTP/1.1")[:-2] + b"A: ",
        request("POST /events HTTP/1.1", "Transfer-Encoding: chunked") + b"2\r\n[]\r\n0\r\nA: ",
    ):
        assert answers(exchange(small, start + b"a" * 20_000_000)) == [(431, "headers_too_large")]
    assert memory(small) - before < 10_000_000
