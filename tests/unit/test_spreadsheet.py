"""The CSV for spreadsheet programs: no cell is a formula, and numbers stay numbers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.spreadsheet import spreadsheet_rows


def cell(value: Any, column: str = "user_id") -> Any:
    ((found,),) = spreadsheet_rows([column], [[value]])
    return found


@pytest.mark.parametrize(
    "name",
    ["=HYPERLINK(1)", "+1+1", "-1", "@SUM(1)", "\tx", "\rx", "\nx", "=", "＝1", "＋1", "－1", "＠1"],
)
def test_text_that_would_be_a_formula_is_text(name: str) -> None:
    assert cell(name) == "'" + name


@pytest.mark.parametrize("name", ["007", "111", "Zürich", "a=b", " =1", "'=1", "日本", "", "a-b"])
def test_other_text_stays_as_it_is(name: str) -> None:
    assert cell(name) == name


@given(st.text())
def test_no_text_starts_a_formula(name: str) -> None:
    assert not cell(name).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell(name).removeprefix("'").endswith(name.removeprefix("'"))


@pytest.mark.parametrize("number", [-1, 0, 5, -12.5])
def test_numbers_stay_numbers(number: float) -> None:
    assert cell(number, "delta") is number


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1795490591.055626, "2026-11-24T03:23:11.055626Z"),
        (1795490591.0, "2026-11-24T03:23:11.000000Z"),
    ],
)
def test_times_are_iso_8601_of_one_length(seconds: float, text: str) -> None:
    assert cell(seconds, "epoch_timestamp") == cell(seconds, "recorded_at") == text
