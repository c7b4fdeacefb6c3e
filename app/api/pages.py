"""Pages of events, in the order of their time: conditions, the cursor's place among them, the answer."""

from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from app.api.cursor import read_cursor, write_cursor
from app.api.request import period, single

MAX_LIMIT = 1000
# No event is recorded earlier than this before its own time, clocks that differ included: tells which days to look at.
EARLIEST_RECORD_SECONDS = 86_400


class Conditions:
    """Conditions on rows `e` of area_mode_events and their arguments, growing together.

    `question` tells one question's cursors from another's.
    """

    def __init__(self, *scope: str) -> None:
        self.question = "|".join(scope)
        self.args: list[Any] = []
        self._conditions: list[str] = []

    def add(self, condition: str, *values: Any) -> None:
        """`{}` in the condition stands for the values' places."""
        places = [f"${len(self.args) + n}" for n in range(1, len(values) + 1)]
        self._conditions.append(condition.format(*places))
        self.args += values

    def filter(self, column: str, value: str | None) -> None:
        """None where the value is None."""
        if value is not None:
            self.question += f"|{column}={value}"
            self.add(f"e.{column} = {{}}", value)

    def filter_word(self, column: str, word: str | None) -> None:
        """A value that is one of our own words: as a constant, so that a partial index can serve it."""
        if word is not None:
            self.question += f"|{column}={word}"
            self._conditions.append(f"e.{column} = '{word}'")

    def query(self, template: str, **words: str) -> str:
        return template.format(conditions=" AND ".join(self._conditions) or "true", **words)


def add_span(conditions: Conditions, request: Request, ascending: bool = False) -> None:
    """The parameters from, to and cursor; to be called when the question is complete otherwise. Raises InvalidRequest.

    The cursor takes the place of the bound it lies within: beside it that bound would be where an index is read from.
    """
    begin, end = period(request)
    conditions.question += f"|from={begin}|to={end}"
    cursor = single(request, "cursor")
    since = begin
    if cursor is not None:
        seconds, identity = read_cursor(conditions.question, cursor)
        side = ">" if ascending else "<"
        conditions.add(f"(e.epoch_timestamp, e.event_id) {side} ({{}}, {{}})", seconds, identity)
        if ascending:
            since, begin = seconds, None
        else:
            end = None
    if since is not None:
        earliest = datetime.fromtimestamp(max(0, since - EARLIEST_RECORD_SECONDS), UTC)
        conditions.add("e.recorded_at >= {}", earliest)
    if begin is not None:
        conditions.add("e.epoch_timestamp >= {}", begin)
    if end is not None:
        conditions.add("e.epoch_timestamp < {}", end)


def page(rows: list[dict[str, Any]], limit: int, question: str, name: str, time: str, **more: Any) -> Response:
    """A page of rows, of which one more than its limit was read to know whether there is a next."""
    cursor = None
    if len(rows) > limit:
        rows = rows[:limit]
        cursor = write_cursor(question, rows[-1][time], rows[-1]["event_id"])
    return Response(orjson.dumps({**more, name: rows, "next_cursor": cursor}), media_type="application/json")
