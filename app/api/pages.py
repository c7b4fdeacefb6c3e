"""Pages of events in the order of their time: the parameters that choose a page, and the answer."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.cursor import PURPOSE, read_cursor, write_cursor
from app.api.request import period, single_value
from app.api.response import json_response
from app.archive.event_filter import EventFilter
from app.live.secret import SharedSecret


def add_time_range_and_cursor(events: EventFilter, request: Request, ascending: bool = False) -> None:
    """The parameters from, to and cursor, after all others: a cursor belongs to the whole question.

    Raises InvalidRequest, and with a cursor Unavailable where its signature cannot be checked.
    """
    begin, end = period(request)
    events.question += f"|from={begin}|to={end}"
    cursor = single_value(request, "cursor")
    after = None if cursor is None else read_cursor(_key(request), events.question, cursor)
    events.within(begin, end, after, ascending)


def page_response(
    request: Request, rows: list[dict[str, Any]], limit: int, question: str, name: str, time: str, **more: Any
) -> Response:
    """`{**more, name: rows, "next_cursor"}`. `rows` has one row above `limit` when another page follows.

    `time` names the field that the rows are sorted by; each also has an `event_id`. Raises Unavailable where the cursor
    of the next page cannot be signed.
    """
    cursor = None
    if len(rows) > limit:
        rows = rows[:limit]
        cursor = write_cursor(_key(request), question, rows[-1][time], rows[-1]["event_id"])
    return json_response({**more, name: rows, "next_cursor": cursor})


def _key(request: Request) -> bytes:
    """Raises Unavailable."""
    secret: SharedSecret = request.state.secret
    return secret.key(PURPOSE)
