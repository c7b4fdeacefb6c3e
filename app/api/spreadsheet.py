"""Rows as spreadsheet programs read them right: their CSV, in which no cell is a formula."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""At the start of the file: without it Excel does not take the text for UTF-8."""

# By these a cell is a formula, which could send the sheet's other cells away. The last four are the full-width forms.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_TIMES = ("epoch_timestamp", "recorded_at")


def spreadsheet_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[list[Any]]:
    """Times (seconds since 1970) as ISO 8601, other numbers as they are, and text that is taken for text."""
    times = [column in _TIMES for column in columns]
    for row in rows:
        yield [
            _iso_8601(value) if is_time else _text(value) if isinstance(value, str) else value
            for is_time, value in zip(times, row, strict=True)
        ]


def _iso_8601(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _text(value: str) -> str:
    return "'" + value if value.startswith(_FORMULA_STARTS) else value
