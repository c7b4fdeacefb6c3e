"""Rows of any number as a file to save; only a slice of them is in memory at a time."""

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
from app.archive.access_entry import AccessEntry
from app.archive.pool import EXPORT_IDLE_SECONDS

Rows = list[Any]


class Export(Response):
    """Streams rows as a CSV or NDJSON file (`file_format`: "csv" or "ndjson").

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
        self._columns = columns
        self._file_format = file_format
        self._access = access
        name = f"modepulse-events-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.{file_format}"
        media_type = "text/csv; charset=utf-8; header=present" if file_format == "csv" else "application/x-ndjson"
        super().__init__(media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body"})
            return
        self._access.rows = 0
        lines = _csv_lines if self._file_format == "csv" else _json_lines
        async with self._rows as rows:
            gone = asyncio.ensure_future(disconnected(receive))
            try:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                if self._file_format == "csv":
                    await _send(send, _csv_lines([self._columns]))
                async for slice_ in rows:
                    if gone.done():
                        return
                    self._access.rows += len(slice_)
                    await _send(send, lines(slice_))
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


def _csv_lines(rows: Iterable[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _json_lines(rows: Iterable[Any]) -> bytes:
    return b"".join([orjson.dumps(dict(row), option=orjson.OPT_APPEND_NEWLINE) for row in rows])
