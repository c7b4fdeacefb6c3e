"""GET /events: what happened, page by page or as one file."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.cursor import read_cursor, write_cursor
from app.api.request import choice_of, name_of, only, period, single, whole_number
from app.audit import EXPORT_IDLE_SECONDS, Audit, sql

MAX_LIMIT = 1000
NAMES = ("area_code", "multiplayer_mode", "user_id")
EVENTS = ("LOGIN", "LOGOUT", "HEARTBEAT", "EXPIRE", "HEAL")
OUTCOMES = ("applied", "refreshed", "stale", "late")
FORMATS = ("json", "csv", "ndjson")
FIELDS = (
    "event_id", "area_code", "multiplayer_mode", "user_id", "events_name", "epoch_timestamp", "recorded_at", "delta",
    "outcome",
)  # fmt: skip
# No event is recorded earlier than this before its own time, clocks that differ included: tells which days to look at.
EARLIEST_RECORD_SECONDS = 86_400

EVENTS_QUERY = sql("events")
Rows = list[Any]


class Conditions:
    """Conditions of a query and their arguments, growing together; `question` names them for the cursor."""

    def __init__(self, *scope: str) -> None:
        self.question = "|".join(scope)
        self.args: list[Any] = []
        self._conditions: list[str] = []

    def add(self, condition: str, *values: Any) -> None:
        """`{}` in the condition stands for the values' places."""
        places = [f"${len(self.args) + n}" for n in range(1, len(values) + 1)]
        self._conditions.append(condition.format(*places))
        self.args += values

    def filter(self, name: str, condition: str, value: Any) -> None:
        """One that belongs to the question; none where the value is None."""
        if value is not None:
            self.question += f"|{name}={value}"
            self.add(condition, value)

    def filter_word(self, name: str, table: str, word: str | None) -> None:
        """A column that is one of our own words: as a constant, so that a partial index can serve it."""
        if word is not None:
            self.question += f"|{name}={word}"
            self._conditions.append(f"{table}.{name} = '{word}'")

    def query(self, template: str, **words: str) -> str:
        return template.format(conditions=" AND ".join(self._conditions) or "true", **words)


def add_span(conditions: Conditions, request: Request, ascending: bool = False, table: str = "e") -> None:
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
        conditions.add(f"({table}.epoch_timestamp, {table}.event_id) {side} ({{}}, {{}})", seconds, identity)
        if ascending:
            since, begin = seconds, None
        else:
            end = None
    if since is not None:
        earliest = datetime.fromtimestamp(max(0, since - EARLIEST_RECORD_SECONDS), UTC)
        conditions.add(f"{table}.recorded_at >= {{}}", earliest)
    if begin is not None:
        conditions.add(f"{table}.epoch_timestamp >= {{}}", begin)
    if end is not None:
        conditions.add(f"{table}.epoch_timestamp < {{}}", end)


def events_query(request: Request) -> tuple[str, Conditions]:
    """(the query that a request asks, without its LIMIT; its conditions). Raises InvalidRequest."""
    only(request, *NAMES, "events_name", "outcome", "from", "to", "order", "limit", "cursor", "format")
    order = choice_of(request, "order", ("desc", "asc")) or "desc"
    conditions = Conditions("events", order)
    for name in NAMES:
        conditions.filter(name, f"e.{name} = {{}}", name_of(request, name))
    conditions.filter_word("events_name", "e", choice_of(request, "events_name", EVENTS))
    conditions.filter_word("outcome", "e", choice_of(request, "outcome", OUTCOMES))
    add_span(conditions, request, order == "asc")
    return conditions.query(EVENTS_QUERY, order=order), conditions


async def get_events(request: Request) -> Response:
    """`{"items": [...], "next_cursor": ...}`, newest first; format=csv and format=ndjson stream all of it."""
    query, conditions = events_query(request)
    form = choice_of(request, "format", FORMATS) or "json"
    limit = whole_number(request, "limit", 100 if form == "json" else 0, 1, MAX_LIMIT)
    audit: Audit = request.state.audit
    if form != "json":
        query += f"LIMIT {limit}" if limit else ""
        return Export(audit.export(query, *conditions.args), form)
    rows = await audit.fetch(f"{query}LIMIT {limit + 1}", *conditions.args)
    return page([dict(row) for row in rows], limit, conditions.question, "items", "epoch_timestamp")


def page(rows: list[dict[str, Any]], limit: int, question: str, name: str, time: str, **more: Any) -> Response:
    """A page of rows, of which one more than its limit was read to know whether there is a next."""
    cursor = None
    if len(rows) > limit:
        rows = rows[:limit]
        cursor = write_cursor(question, rows[-1][time], rows[-1]["event_id"])
    return Response(orjson.dumps({**more, name: rows, "next_cursor": cursor}), media_type="application/json")


class Export(Response):
    """Streams rows as a file to save. It begins when the first rows are there, so what can be refused still is.

    When it breaks off later the connection is closed in mid-answer: a file that is cut short never looks complete.
    """

    def __init__(self, rows: AbstractAsyncContextManager[AsyncIterator[Rows]], form: str) -> None:
        self._rows = rows
        self._form = form
        name = f"modepulse-events-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.{form}"
        kind = "text/csv; charset=utf-8; header=present" if form == "csv" else "application/x-ndjson"
        super().__init__(media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        lines = _csv_lines if self._form == "csv" else _json_lines
        async with self._rows as rows:
            gone = asyncio.ensure_future(_disconnect(receive))
            try:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                if self._form == "csv":
                    await _send(send, _csv_lines([FIELDS]))
                async for some in rows:
                    if gone.done():
                        return
                    await _send(send, lines(some))
                await send({"type": "http.response.body"})
            finally:
                gone.cancel()


class SlowClient(Exception):
    """Takes nothing of an export for a minute."""


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, body: bytes) -> None:
    try:
        async with asyncio.timeout(EXPORT_IDLE_SECONDS):
            await send({"type": "http.response.body", "body": body, "more_body": True})
    except TimeoutError:
        raise SlowClient from None


def _csv_lines(rows: Iterable[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _json_lines(rows: Iterable[Any]) -> bytes:
    return b"".join([orjson.dumps(dict(row), option=orjson.OPT_APPEND_NEWLINE) for row in rows])
