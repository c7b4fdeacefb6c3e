"""The lines about answers that are errors."""

import logging
from typing import Any

import pytest

from app import failure_log
from app.access.principal import Principal
from app.errors import Problem, Unavailable, internal_error
from app.failure_log import LINES_PER_SECOND, note_failure

SCOPE: dict[str, Any] = {
    "type": "http",
    "path": "/users/ann/sessions",
    "client": ("192.0.2.1", 5),
    "state": {
        "route": "GET /users/{user_id}/sessions",
        "principal": Principal(frozenset(), 0, 0, "k3v0s8wq1x", "game servers"),
        "request_id": b"abc-1",
    },
}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> list[float]:
    """The time of the module, to be moved."""
    now = [100.0]
    monkeypatch.setattr("app.failure_log.time.monotonic", lambda: now[0])
    monkeypatch.setattr(failure_log, "_refusals", failure_log._Sample())
    caplog.set_level(logging.INFO)
    return now


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [{**vars(record)} for record in caplog.records if record.name == "app.failure_log"]


def test_line_names_code_route_key_and_request_and_no_path(caplog: pytest.LogCaptureFixture) -> None:
    answer = Unavailable("memory_full", "Redis is nearly full").response(SCOPE)
    (line,) = lines(caplog)
    assert {name: line[name] for name in ("status", "code", "route", "key", "key_name", "address", "request_id")} == {
        "status": 503,
        "code": "memory_full",
        "route": "GET /users/{user_id}/sessions",
        "key": "k3v0s8wq1x",
        "key_name": "game servers",
        "address": "192.0.2.1",
        "request_id": "abc-1",
    }
    assert "ann" not in str([value for name, value in line.items() if name in line.keys() - {"pathname", "filename"}])
    assert b'"request_id":"abc-1"' in bytes(answer.body)


def test_levels(caplog: pytest.LogCaptureFixture) -> None:
    for problem in (internal_error(), Unavailable("queue_full", "x"), Problem(404, "not_found", "x")):
        problem.response(SCOPE)
    assert [line["levelname"] for line in lines(caplog)] == ["ERROR", "WARNING", "INFO"]


def test_every_5xx_has_a_line(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(50):
        note_failure(SCOPE, 503, "queue_full")
    assert len(lines(caplog)) == 50


def test_of_4xx_some_have_a_line_a_second_and_the_others_are_counted(
    caplog: pytest.LogCaptureFixture, clock: list[float]
) -> None:
    for _ in range(50):
        note_failure(SCOPE, 404, "not_found")
    assert len(lines(caplog)) == LINES_PER_SECOND
    clock[0] += 1
    note_failure(SCOPE, 429, "too_many_requests")
    note_failure(SCOPE, 429, "too_many_requests")
    assert [line["left_out"] for line in lines(caplog)[LINES_PER_SECOND:]] == [50 - LINES_PER_SECOND, 0]


def test_request_that_reached_no_route_has_a_line(caplog: pytest.LogCaptureFixture) -> None:
    note_failure({"type": "http"}, 400, "malformed_request")
    (line,) = lines(caplog)
    assert (line["route"], line["key"], line["address"], line["request_id"]) == (None, "", "", "")
