"""A cursor: a place in a question's rows, of no use when changed or for another question."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.cursor import read_cursor, write_cursor
from app.errors import InvalidRequest

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
EVENT_ID = "01a20b94-314e-7ac1-ac1a-66066c2f0000"
CURSOR = write_cursor("events|desc", 1_795_490_591.055626, EVENT_ID)


def refusal(question: str, cursor: str) -> dict[str, Any]:
    with pytest.raises(InvalidRequest) as raised:
        read_cursor(question, cursor)
    assert (raised.value.status, raised.value.code) == (400, "invalid_cursor")
    (fault,) = raised.value.errors
    return fault


@given(st.text(), st.floats(0, 4e10), st.uuids())
def test_round_trip(question: str, seconds: float, event_id: UUID) -> None:
    cursor = write_cursor(question, seconds, str(event_id))
    assert set(cursor) <= set(ALPHABET), "no character that a URL would have to escape"
    assert read_cursor(question, cursor) == (seconds, event_id)


def test_any_changed_character_is_found() -> None:
    for n, character in enumerate(CURSOR):
        for other in ALPHABET.replace(character, ""):
            assert refusal("events|desc", CURSOR[:n] + other + CURSOR[n + 1 :])["loc"] == ["query", "cursor"]


@pytest.mark.parametrize("question", ["", "events|asc", "events|desc|area_code=1", "sessions|desc"])
def test_another_question_is_refused(question: str) -> None:
    assert refusal(question, CURSOR)["code"] == "invalid_cursor"


@pytest.mark.parametrize(
    "cursor",
    ["", "x", CURSOR[:-1], CURSOR + "A", CURSOR + "=", CURSOR * 2, "é" * len(CURSOR), "\x00" * len(CURSOR),
     CURSOR[:-1] + "\n", "=" * len(CURSOR), "+" + CURSOR[1:]],
)  # fmt: skip
def test_any_other_text_is_refused(cursor: str) -> None:
    assert refusal("events|desc", cursor)["code"] == "invalid_cursor"
