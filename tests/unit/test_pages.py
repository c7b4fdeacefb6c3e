"""Pages: which rows a question's next page asks for, and the answer that leads there."""

import hmac
import json
from typing import Any, cast
from uuid import UUID

import pytest
from redis.asyncio import Redis
from starlette.requests import Request

from app.api.cursor import PURPOSE, read_cursor, write_cursor
from app.api.pages import add_time_range_and_cursor, page_response
from app.archive.event_filter import EventFilter
from app.errors import InvalidRequest, Unavailable
from app.live.secret import SharedSecret
from tests.http_client import request

EVENT_ID = "01a20b94-314e-7ac1-ac1a-66066c2f0000"
KEY = hmac.digest(b"shared", PURPOSE, "sha256")


def asked(query: str = "", shared: bytes | None = b"shared") -> Request:
    """A request to a process that has this secret."""
    secret = SharedSecret(cast(Redis, None))
    secret._secret = shared
    made = request(query)
    made.scope["state"] = {"secret": secret}
    return made


def filtered(query: str, ascending: bool = False) -> EventFilter:
    events = EventFilter("events")
    events.equal("user_id", "ann")
    events.equal("area_code", None)
    add_time_range_and_cursor(events, asked(query), ascending)
    return events


def where(events: EventFilter) -> str:
    return events.query("{conditions}")


def cursor_of(question: str, seconds: float) -> str:
    return write_cursor(KEY, question, seconds, EVENT_ID)


def test_a_filter_without_conditions_takes_every_row() -> None:
    assert where(EventFilter("events")) == "true"


def test_values_are_arguments_and_our_own_words_are_constants() -> None:
    events = EventFilter("events")
    events.equal("user_id", "o'hara")
    events.equal_word("outcome", "late")
    assert where(events) == "e.user_id = $1 AND e.outcome = 'late'"
    assert events.args == ["o'hara"]


def test_a_time_range_has_its_begin_and_not_its_end() -> None:
    events = filtered("from=200000&to=300000")
    assert where(events) == (
        "e.user_id = $1 AND e.recorded_at >= $2 AND e.epoch_timestamp >= $3 AND e.epoch_timestamp < $4"
    )
    assert [events.args[0], events.args[1].timestamp(), *events.args[2:]] == ["ann", 113_600, 200_000, 300_000]


@pytest.mark.parametrize(
    ("ascending", "conditions", "args"),
    [
        (
            False,
            "(e.epoch_timestamp, e.event_id) < ($2, $3) AND e.recorded_at >= $4 AND e.epoch_timestamp >= $5",
            [250_000, UUID(EVENT_ID), 113_600, 200_000],
        ),
        (
            True,
            "(e.epoch_timestamp, e.event_id) > ($2, $3) AND e.recorded_at >= $4 AND e.epoch_timestamp < $5",
            [250_000, UUID(EVENT_ID), 163_600, 300_000],
        ),
    ],
)
def test_a_cursor_replaces_the_bound_on_its_side(ascending: bool, conditions: str, args: list[Any]) -> None:
    query = "from=200000&to=300000"
    cursor = cursor_of(filtered(query).question, 250_000)
    events = filtered(f"{query}&cursor={cursor}", ascending)
    assert where(events) == f"e.user_id = $1 AND {conditions}"
    assert [events.args[1], events.args[2], events.args[3].timestamp(), events.args[4]] == args


def test_a_cursor_belongs_to_all_of_its_question() -> None:
    cursor = cursor_of(filtered("from=1").question, 5)
    assert filtered(f"cursor={cursor}&from=1.0").args[1] == 5, "the same time in other words"
    for other in ("", "from=2", "from=1&to=9"):
        with pytest.raises(InvalidRequest):
            filtered(f"{other}&cursor={cursor}")
    with pytest.raises(InvalidRequest):
        filtered(f"from=1&cursor={cursor}&cursor={cursor}")


def page(rows: int, limit: int) -> dict[str, Any]:
    some = [{"event_id": str(UUID(int=n)), "at": float(n)} for n in range(rows)]
    answer: dict[str, Any] = json.loads(
        bytes(page_response(asked(), some, limit, "q", "items", "at", user_id="ann").body)
    )
    assert answer["user_id"] == "ann"
    return answer


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_the_last_page_has_no_cursor(rows: int) -> None:
    answer = page(rows, 3)
    assert [row["at"] for row in answer["items"]] == list(range(rows))
    assert answer["next_cursor"] is None


def test_the_cursor_is_behind_the_last_row_that_is_shown() -> None:
    answer = page(4, 3)
    assert [row["at"] for row in answer["items"]] == [0, 1, 2]
    assert read_cursor(KEY, "q", answer["next_cursor"]) == (2, UUID(int=2))


def test_without_the_secret_only_what_needs_a_cursor_is_refused() -> None:
    """Redis was out of reach when the process started."""
    rows = [{"event_id": EVENT_ID, "at": 1.0}]
    page_response(asked(shared=None), rows, 1, "q", "items", "at")
    with pytest.raises(Unavailable):
        page_response(asked(shared=None), rows * 2, 1, "q", "items", "at")
    events = EventFilter("events")
    add_time_range_and_cursor(events, asked(shared=None))
    with pytest.raises(Unavailable):
        add_time_range_and_cursor(events, asked(f"cursor={cursor_of('events', 1)}", shared=None))
