"""Rows of any number as a file to save; only a slice of them is in memory at a time."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.body import disconnected
from app.api.spreadsheet import BYTE_ORDER_MARK, spreadsheet_rows
from app.archive.access_entry import AccessEntry
from app.archive.pool import EXPORT_IDLE_SECONDS
from app.headers import API_HEADERS

Rows = list[Any]

_CSV = "text/csv; charset=utf-8; header=present"
# format -> (suffix of the file's name, its content type)
FILES = {"csv": ("csv", _CSV), "excel": ("csv", _CSV), "ndjson": ("ndjson", "application/x-ndjson")}


class Export(Response):
    """Streams rows as a file of one of the EXPORT_FORMATS.

    It starts only when the first rows have been read, so a refusal (Problem) still gets its own status. After a later
    failure the connection is closed in mid-answer: a truncated file never looks complete. `access` counts the rows.
    """

    def __init__(
        self,
        rows: AbstractAsyncContextManager[AsyncIterator[Rows]],
        columns: Sequence[str],
        file_format: str,
        access: AccessEntry,
    ) -> None:
        self._rows = rows
        self._access = access
        self._head, self._lines = _writer(columns, file_format)
        suffix, media_type = FILES[file_format]
        name = f"modepulse-events-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.{suffix}"
        super().__init__(
            media_type=media_type, headers=API_HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'}
        )
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body"})
            return
        self._access.rows = 0
        async with self._rows as rows:
            gone = asyncio.ensure_future(disconnected(receive))
            try:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                if self._head:
                    await _send(send, self._head)
                async for slice_ in rows:
                    if gone.done():
                        return
                    self._access.rows += len(slice_)
                    await _send(send, self._lines(slice_))
                await send({"type": "http.response.body"})
            finally:
                gone.cancel()


class SlowClient(Exception):
    """The client of an export has read nothing for EXPORT_IDLE_SECONDS."""


async def _send(send: Send, body: bytes) -> None:
    try:
        async with asyncio.timeout(EXPORT_IDLE_SECONDS):
            await send({"type": "http.response.body", "body": body, "more_body": True})
    except TimeoutError:
        raise SlowClient from None


def _writer(columns: Sequence[str], file_format: str) -> tuple[bytes, Callable[[Rows], bytes]]:
    """(what the file starts with, the function that writes rows)."""
    if file_format == "ndjson":
        return b"", _json_lines
    head = _csv_lines([columns])
    if file_format == "csv":
        return head, _csv_lines
    return BYTE_ORDER_MARK + head, lambda rows: _csv_lines(spreadsheet_rows(columns, rows))


def _csv_lines(rows: Iterable[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _json_lines(rows: Iterable[Any]) -> bytes:
    return b"".join([orjson.dumps(dict(row), option=orjson.OPT_APPEND_NEWLINE) for row in rows])
