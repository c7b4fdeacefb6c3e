"""A cursor: a place in a question's rows, of no use when changed or for another question."""

import base64
import hmac
import math
import struct
from hashlib import blake2b, sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.cursor import read_cursor, write_cursor
from app.errors import InvalidRequest

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
EVENT_ID = "01a20b94-314e-7ac1-ac1a-66066c2f0000"
KEY = b"key of the service"
CURSOR = write_cursor(KEY, "events|desc", 1_795_490_591.055626, EVENT_ID)


def refusal(question: str, cursor: str) -> dict[str, Any]:
    with pytest.raises(InvalidRequest) as raised:
        read_cursor(KEY, question, cursor)
    assert (raised.value.status, raised.value.code) == (400, "invalid_cursor")
    (fault,) = raised.value.errors
    return fault


@given(st.text(), st.floats(0, 4e10), st.uuids())
def test_round_trip(question: str, seconds: float, event_id: UUID) -> None:
    cursor = write_cursor(KEY, question, seconds, str(event_id))
    assert set(cursor) <= set(ALPHABET), "no character that a URL would have to escape"
    assert read_cursor(KEY, question, cursor) == (seconds, event_id)


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


def forged(seconds: float, signature: bytes, version: bytes = b"c2") -> str:
    """A cursor made by somebody who has read how cursors are made, but not the key."""
    content = version + struct.pack(">d16s", seconds, UUID(EVENT_ID).bytes)
    return base64.urlsafe_b64encode(content + signature).decode()


@pytest.mark.parametrize("seconds", [math.inf, -math.inf, math.nan, 1e308, 1e15, -1.0, 1_795_490_591.0])
def test_forged_cursors_are_refused_whatever_time_they_name(seconds: float) -> None:
    content = b"c2" + struct.pack(">d16s", seconds, UUID(EVENT_ID).bytes) + b"events|desc"
    keys = (b"", b"cursor", b"another key")
    guessed = [hmac.digest(key, content, "sha256")[:16] for key in keys]
    for signature in (bytes(16), sha256(content).digest()[:16], *guessed):
        cursor = forged(seconds, signature)
        assert len(cursor) == len(CURSOR)
        assert refusal("events|desc", cursor)["code"] == "invalid_cursor"


def test_a_cursor_of_the_version_before_is_refused() -> None:
    """It had a checksum that everybody could compute."""
    content = b"\x01" + struct.pack(">d16s", 1_795_490_591.0, UUID(EVENT_ID).bytes)
    checksum = blake2b(content + b"events|desc", digest_size=8, person=b"modepulse-cursor").digest()
    assert refusal("events|desc", base64.urlsafe_b64encode(content + checksum).decode())["code"] == "invalid_cursor"


def test_a_cursor_of_another_service_is_refused() -> None:
    assert refusal("events|desc", write_cursor(b"its key", "events|desc", 1.0, EVENT_ID))["code"] == "invalid_cursor"
