"""Which ids of requests are taken over, and what is made of the others."""

import re

import pytest

from app.request_id import MAX_LENGTH, request_id, request_id_of

MADE = re.compile(rb"[0-9a-f]{12}-[0-9a-f]+").fullmatch


def named(*values: bytes) -> bytes:
    return request_id([(b"host", b"a"), *((b"x-request-id", value) for value in values), (b"accept", b"*/*")])


@pytest.mark.parametrize("value", [b"a", b"0193-7f", b"01ARZ3NDEKTSV4RRFFQ69G5FAV", b'!"#~', b"x" * MAX_LENGTH])
def test_usable_id_is_taken_over(value: bytes) -> None:
    assert named(value) == value


@pytest.mark.parametrize(
    "values",
    [
        (),
        (b"",),
        (b" ",),
        (b"a b",),
        (b"a\tb",),
        (b"a\n",),
        (b"a\x00",),
        (b"a\x7f",),
        ("ä".encode(),),
        (b"\xff",),
        (b"x" * (MAX_LENGTH + 1),),
        (b"a", b"b"),
        (b"a", b"a"),
    ],
)
def test_any_other_is_replaced(values: tuple[bytes, ...]) -> None:
    assert MADE(named(*values))


def test_no_two_are_the_same() -> None:
    assert len({request_id([]) for _ in range(1000)}) == 1000


def test_of_a_scope_without_state() -> None:
    assert request_id_of({"type": "http"}) == ""
    assert request_id_of({"type": "http", "state": {"request_id": b"abc"}}) == "abc"
