"""The query parameters of a request: each is taken in its documented forms only, and a refusal names the parameter."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.api.request import (
    area_codes,
    choice_of,
    name_of,
    period,
    reject_unknown,
    single_value,
    time_of,
    whole_number,
)
from app.bounds import LATEST_SECONDS, MAX_RANKS
from app.errors import InvalidRequest
from tests.http_client import request

MOMENT = datetime(2026, 11, 24, 8, tzinfo=UTC).timestamp()


def refusal(read: Callable[[], object]) -> tuple[Any, str]:
    """(the place, the code) of the only fault."""
    with pytest.raises(InvalidRequest) as raised:
        read()
    assert (raised.value.status, raised.value.code) == (422, "invalid_query")
    (fault,) = raised.value.errors
    return fault["loc"], fault["code"]


def number(text: str, low: int = 1, high: int = MAX_RANKS) -> int:
    return whole_number(request(f"n={quote(text)}"), "n", 7, low, high)


@given(st.text("0123456789", max_size=40) | st.text(max_size=5))
@example("0000000000000000001" + "99999")  # the first 19 digits alone are 1
@example("0" * 5000 + "5")
@example("9" * 5000)
@example("0" * 5000)
def test_a_whole_number_is_ascii_digits_within_its_bounds(text: str) -> None:
    digits = text.lstrip("0")
    if re.fullmatch("[0-9]+", text) and len(digits) < 10 and 1 <= int(digits or "0") <= MAX_RANKS:
        assert number(text) == int(digits)
    else:
        assert refusal(lambda: number(text)) == (["query", "n"], "range")


@pytest.mark.parametrize(
    "text", ["", " 5", "5 ", "5\n", "+5", "-5", "5.0", "5e1", "1_000", "0x5", "５", "²", "٣", "5\x00", "five"]
)
def test_any_other_spelling_is_no_whole_number(text: str) -> None:
    assert refusal(lambda: number(text, 0)) == (["query", "n"], "range")


def test_bounds_of_a_whole_number_are_allowed_themselves() -> None:
    assert [number(text, 0, 10**19) for text in ("0", "00", "1" + "0" * 19, "0" * 19 + "10")] == [0, 0, 10**19, 10]
    assert refusal(lambda: number("1" + "0" * 18 + "1", 0, 10**19))
    assert whole_number(request(), "n", 7, 1, 5) == 7, "the default"


def moment(text: str) -> float | None:
    return time_of(request(f"from={text}"), "from")


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T08:00:00Z",
        "2026-11-24T10:00:00%2B02:00",
        "2026-11-24T10:00:00+02:00",  # a + that is not escaped is a space
        "2026-11-24 10:00+02:00",
        "2026-11-24T03:30-04:30",
        "2026-11-24 08:00",
        "20261124T08",
        "2026-W48-2T08",
        str(MOMENT),
        f"{MOMENT:.0f}",
        f"{MOMENT:.9f}",
        f"00{MOMENT:.0f}.",
    ],
)
def test_forms_of_a_time(text: str) -> None:
    assert moment(text) == MOMENT


def test_a_date_is_its_first_moment_in_utc() -> None:
    assert moment("2026-11-24") == MOMENT - 8 * 3600
    assert moment("1970-01-01") == 0


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "1e5", "nan", "inf", "１７９５", "+5", "5%0A", "2026-11-24%0A", "2026-13-01", "2026-11-24T25:00",
     "2026-11-24T08:00:00 +02:00 ", "２０２６-11-24", "1.0000000001", "1" * 16, "9" * 5000, ".5", "%00"],
)  # fmt: skip
def test_no_time(text: str) -> None:
    assert refusal(lambda: moment(text)) == (["query", "from"], "invalid_time")


@pytest.mark.parametrize(
    "text",
    ["-1", "-0.000001", "1969-12-31T23:59:59Z", "0001-01-01T00:00%2B23:59", "9999-12-31T23:59:59-23:59",
     str(LATEST_SECONDS + 1), "9" * 15, "3000-01-01"],
)  # fmt: skip
def test_a_time_before_1970_or_after_2999(text: str) -> None:
    assert refusal(lambda: moment(text)) == (["query", "from"], "range")


@given(st.text(max_size=30) | st.datetimes().map(str) | st.datetimes(timezones=st.timezones()).map(datetime.isoformat))
def test_any_text_is_a_time_in_range_or_refused(text: str) -> None:
    seconds: float | None
    try:
        seconds = time_of(request(f"to={quote(text)}"), "to")
    except InvalidRequest:
        return
    assert seconds is not None
    assert 0 <= seconds <= LATEST_SECONDS


def test_a_period_may_be_empty_but_not_reversed() -> None:
    assert period(request()) == (None, None)
    assert period(request("from=5&to=5")) == (5, 5)
    assert refusal(lambda: period(request("from=5.1&to=5"))) == (["query", "to"], "range")


def test_a_choice_is_found_in_any_letter_case() -> None:
    choices = ("skip", "REJECT")
    for text, choice in (("skip", "skip"), ("SKIP", "skip"), ("rEjEcT", "REJECT")):
        assert choice_of(request(f"c={text}"), "c", choices) == choice
    assert choice_of(request(), "c", choices) is None
    for text in ("", "skip ", "ski", "s%E2%84%AAip"):  # the last with a Kelvin sign, whose small letter is k
        assert refusal(lambda text=text: choice_of(request(f"c={text}"), "c", choices)) == (  # type: ignore[misc]
            ["query", "c"],
            "unknown_value",
        )


def test_a_repeated_parameter_is_refused_by_every_reader() -> None:
    twice = request("x=1&x=1")
    for read in (
        lambda: single_value(twice, "x"),
        lambda: name_of(twice, "x"),
        lambda: time_of(twice, "x"),
        lambda: choice_of(twice, "x", ("1",)),
        lambda: whole_number(twice, "x", 0, 0, 9),
    ):
        assert refusal(read) == (["query", "x"], "repeated")
    assert single_value(request("x="), "x") == "", "an empty value is one"
    assert single_value(request("y=1"), "x") is None


def test_names_are_checked() -> None:
    assert name_of(request("user_id=%E6%97%A5+%23"), "user_id") == "日 #"
    assert name_of(request(), "user_id") is None
    assert refusal(lambda: name_of(request("user_id=a|b"), "user_id")) == (["query", "user_id"], "invalid_name")


def test_areas_are_each_taken_once_in_order() -> None:
    assert area_codes(request("area_code=b&area_code=a&area_code=b"), 3) == ["b", "a"]
    for query, code in (("", "missing"), ("area_code=&area_code=a", "invalid_name"), ("area_code=a&" * 4, "too_many")):
        assert refusal(lambda query=query: area_codes(request(query), 3)) == (  # type: ignore[misc]
            ["query", "area_code"],
            code,
        )


def test_unknown_parameters_are_named() -> None:
    reject_unknown(request("a=1&b=2&a=3"), "a", "b")
    assert refusal(lambda: reject_unknown(request("a=1&bb=2"), "a", "b")) == (["query", "bb"], "unknown_parameter")
