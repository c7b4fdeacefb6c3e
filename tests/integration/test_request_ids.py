"""Every answer carries the id of its request, whoever answers; error documents and the log repeat it."""

import json
from typing import Any

import httpx2
import pytest

from tests.conftest import SAME_ON_EVERY_SERVER
from tests.http_client import event
from tests.raw_http import exchange, request
from tests.servers import Stack, eventually, modepulse, serving

pytestmark = SAME_ON_EVERY_SERVER


def log_lines(stack: Stack) -> list[dict[str, Any]]:
    text = (stack.directory.parent / f"{stack.directory.name}.log").read_text()
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def lines_about(stack: Stack, identity: str) -> list[dict[str, Any]]:
    return [line for line in log_lines(stack) if line.get("request_id") == identity]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/stats?area_code=1", 200),
        ("GET", "/", 200),
        ("GET", "/static/none.js", 404),
        ("GET", "/stats?limit=x", 422),
        ("GET", "/nope", 404),
        ("GET", "/a%ff", 400),
        ("PUT", "/stats", 405),
        ("POST", "/events", 400),
        ("DELETE", "/users/ann", 401),
    ],
)
def test_answer_has_the_id_that_was_sent(http: httpx2.Client, method: str, path: str, status: int) -> None:
    answer = http.request(method, path, headers={"X-Request-Id": "of-the-client"})
    assert (answer.status_code, answer.headers.get_list("X-Request-Id")) == (status, ["of-the-client"])
    if status >= 400:
        assert answer.json()["request_id"] == "of-the-client"


def test_answers_without_one_have_different_ids(http: httpx2.Client) -> None:
    seen = {http.get("/healthz").headers["X-Request-Id"] for _ in range(20)}
    seen |= {http.post("/events", json=event(1, "ann")).headers["X-Request-Id"] for _ in range(20)}
    assert len(seen) == 40


@pytest.mark.parametrize(
    "sent",
    [
        b"no HTTP\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
        request("GET /stats HTTP/1.1", *(f"X-{n}: 1" for n in range(200))),
    ],
    ids=["malformed", "long URL", "many headers"],
)
def test_what_is_no_request_has_an_id_too(stack: Stack, sent: bytes) -> None:
    head, _, body = exchange(stack, sent).partition(b"\r\n\r\n")
    (line,) = [line for line in head.split(b"\r\n") if line.startswith(b"x-request-id: ")]
    assert json.loads(body)["request_id"] == line.partition(b": ")[2].decode()


def test_pipelined_requests_keep_their_own(stack: Stack) -> None:
    first = request("GET /healthz HTTP/1.1", "X-Request-Id: first", close=False)
    received = exchange(stack, first + b"no HTTP\r\n\r\n")
    assert received.count(b"x-request-id: first") == 1
    assert b'"malformed_request"' in received
    assert received.count(b"x-request-id: ") == 2


def test_refused_request_is_found_in_the_log_by_its_id(stack: Stack, http: httpx2.Client) -> None:
    def asked() -> list[dict[str, Any]]:
        """Until it is among those of its second that are logged."""
        answer = http.get("/users/some%20body/history?limit=x", headers={"X-Request-Id": "find-me"})
        assert answer.status_code == 422
        return lines_about(stack, "find-me")

    line = eventually(asked)[0]
    assert (line["status"], line["code"], line["route"]) == (422, "invalid_query", "GET /users/{user_id}/history")
    assert "some" not in json.dumps(line)


def test_start_line_says_versions_address_and_durability(stack: Stack) -> None:
    (line,) = [line for line in log_lines(stack) if line["message"] == "API started"][:1]
    assert line["version"] == modepulse("--version").stdout.split()[-1]
    assert line["redis"].split()[0] in ("Redis", "Valkey")
    assert line["postgres"].startswith("Postgres 18.")
    assert line["address"] == stack.url.removeprefix("http://")
    assert (line["durability"], line["degraded"]) == ("full", [])


def test_start_without_stores_is_not_held_up() -> None:
    nowhere = "127.0.0.1:1"
    with serving(redis_url=f"redis://{nowhere}", postgres_dsn=f"postgresql://{nowhere}/x", admin_token="x" * 20) as url:
        answer = httpx2.get(f"{url}/readyz", headers={"X-Request-Id": "r"})
        assert (answer.status_code, answer.headers["X-Request-Id"]) == (503, "r")
