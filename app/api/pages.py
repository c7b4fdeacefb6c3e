"""Pages of events in the order of their time: the parameters that choose a page, and the answer."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from app.api.cursor import read_cursor, write_cursor
from app.api.request import period, single_value
from app.archive.event_filter import EventFilter


def add_time_range_and_cursor(events: EventFilter, request: Request, ascending: bool = False) -> None:
    """The parameters from, to and cursor, after all others: a cursor belongs to the whole question.

    Raises InvalidRequest.
    """
    begin, end = period(request)
    events.question += f"|from={begin}|to={end}"
    cursor = single_value(request, "cursor")
    after = None if cursor is None else read_cursor(events.question, cursor)
    events.within(begin, end, after, ascending)


def page_response(rows: list[dict[str, Any]], limit: int, question: str, name: str, time: str, **more: Any) -> Response:
    """`{**more, name: rows, "next_cursor"}`. `rows` has one row above `limit` when another page follows.

    `time` names the field that the rows are sorted by; each also has an `event_id`.
    """
    cursor = None
    if len(rows) > limit:
        rows = rows[:limit]
        cursor = write_cursor(question, rows[-1][time], rows[-1]["event_id"])
    return Response(orjson.dumps({**more, name: rows, "next_cursor": cursor}), media_type="application/json")
