"""Answers without an end in sight: rows as a file to save, a slice in memory at a time."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.request import disconnected
from app.archive.pool import EXPORT_IDLE_SECONDS

FORMATS = ("csv", "ndjson")
Rows = list[Any]


class Export(Response):
    """Streams rows as a file to save. It begins when the first rows are there, so what can be refused still is.

    When it breaks off later the connection is closed in mid-answer: a file that is cut short never looks complete.
    """

    def __init__(
        self, rows: AbstractAsyncContextManager[AsyncIterator[Rows]], columns: Sequence[str], form: str
    ) -> None:
        self._rows = rows
        self._columns = columns
        self._form = form
        name = f"modepulse-events-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.{form}"
        kind = "text/csv; charset=utf-8; header=present" if form == "csv" else "application/x-ndjson"
        super().__init__(media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body"})
            return
        lines = _csv_lines if self._form == "csv" else _json_lines
        async with self._rows as rows:
            gone = asyncio.ensure_future(disconnected(receive))
            try:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                if self._form == "csv":
                    await _send(send, _csv_lines([self._columns]))
                async for some in rows:
                    if gone.done():
                        return
                    await _send(send, lines(some))
                await send({"type": "http.response.body"})
            finally:
                gone.cancel()


class SlowClient(Exception):
    """Takes nothing of an export for a minute."""


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
