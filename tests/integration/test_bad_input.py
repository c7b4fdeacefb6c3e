"""Every bad input of the catalogue gets its own refusal, harms nothing, and leaves no trace."""

import json
import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any

import httpx2
import pytest

from app.openapi.problems import PROBLEMS
from tests.bad_input.bodies import BODIES
from tests.bad_input.paths import PATHS
from tests.bad_input.queries import QUERIES
from tests.bad_input.row import Case, Row
from tests.bad_input.wire import WIRE
from tests.conftest import BINARIES
from tests.faults.load import wait_until_archived
from tests.http_client import event, post
from tests.servers import Stack, live_counts, modepulse, ready

ROWS = [*PATHS, *QUERIES, *BODIES]
# What the users of the catalogue have, so that something can be lost.
BEFORE = [event(111) | {"user_id": user} for user in ("ann", "ann\u2028", "annÿ", "ÿ", "\ufffd", "ann/sessions", "..")]


class Answer:
    """What came back for one request."""

    def __init__(self, stack: Stack, data: bytes, method: str = "GET") -> None:
        with socket.create_connection(("127.0.0.1", stack.port), timeout=20) as connection:
            connection.sendall(data)
            response = HTTPResponse(connection, method=method)
            response.begin()
            self.status = response.status
            self.headers = {name.lower(): value for name, value in response.getheaders()}
            endless = self.headers["content-type"] == "text/event-stream"
            self.body = b"" if endless else response.read()


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service with something to lose; when all has been sent, nothing of it may be lost."""
    directory = tmp_path_factory.mktemp("bad") / "input"
    with Stack(directory, redis_server=str(BINARIES["valkey"])) as stack:
        with httpx2.Client(base_url=stack.url, timeout=10) as http:
            post(http, *BEFORE)
            counts, logged = live_counts(stack), events(stack)
            assert len(logged) == len(BEFORE)
            yield stack
            assert ready(stack)
            post(http, event(112))
            assert live_counts(stack) == counts | {"112|duel": 1}
            assert events(stack)[1:] == logged
        verified = modepulse("verify", "--data-dir", str(stack.directory))
        assert verified.returncode == 0, verified.stdout + verified.stderr
        logs = [directory.with_name("input.log"), *directory.glob("logs/*.log")]
        assert len(logs) == 3
        for log in logs:
            text = log.read_text()
            assert "Traceback" not in text, text
            assert "\nERROR" not in text, text
            assert '"level":"error"' not in text, text


def events(stack: Stack) -> list[Any]:
    """Everything that was logged, newest first."""
    wait_until_archived(stack)
    items: list[Any] = httpx2.get(stack.url + "/events?limit=1000").raise_for_status().json()["items"]
    return items


@pytest.mark.parametrize("row", ROWS, ids=[next(row.cases()).name for row in ROWS])
def test_bad_input_is_refused_with_its_place(target: Stack, row: Row) -> None:
    wrong = {case.name: fault for case in row.cases() if (fault := fault_of(target, case))}
    assert not wrong


def fault_of(stack: Stack, case: Case) -> str:
    """What is wrong with the answer to a bad request; empty when it is as it must be."""
    head = b"%b HTTP/1.1\r\nHost: %b\r\nConnection: close\r\nAuthorization: %b\r\n%b" % (
        *(case.line, stack.url.partition("//")[2].encode(), stack.admin["Authorization"].encode()),
        case.headers,
    )
    if case.line.startswith(b"POST"):
        head += b"Content-Length: %d\r\n" % len(case.body)
    method = case.line.partition(b" ")[0].decode()
    answer = Answer(stack, head + b"\r\n" + case.body, method)
    found = [answer.status, answer.headers["content-type"]]
    expected: list[Any] = [case.status, "application/problem+json"]
    if method != "HEAD" and found == expected:
        problem = json.loads(answer.body)
        assert set(problem) == {"type", "title", "status", "code", "request_id", "errors"}
        assert case.code in PROBLEMS[case.status][1], "a code of the document"
        found += [problem["status"], problem["code"], problem["errors"][0]["loc"] if problem["errors"] else None]
        expected += [case.status, case.code, case.place]
    found += [answer.headers.get("x-content-type-options"), answer.headers.get("cache-control")]
    expected += ["nosniff", "no-store"]
    return "" if found == expected else f"{found} {answer.body[:300]!r}"


@pytest.mark.parametrize("data", WIRE, ids=[repr(data[:60])[2:-1] for data in WIRE])
def test_what_is_no_http_is_refused(target: Stack, data: bytes) -> None:
    answer = Answer(target, data)
    assert answer.status == (414 if len(data) > 65_536 else 400)
    assert answer.headers["connection"] == "close"
