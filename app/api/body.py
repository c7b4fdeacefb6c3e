"""The body of a request: received within limits, decompressed, and read as JSON."""

import asyncio
import zlib
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from app.contract.problem import Location, problem_at
from app.errors import InvalidRequest
from app.settings import Settings


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], settings: Settings) -> bytes:
    """The whole body, decompressed. Raises InvalidRequest when it is too large, too slow or not gzip, ClientDisconnect.

    `headers` are as ASGI has them, names in lower case.
    """
    limit = settings.max_body_bytes
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > limit:
        raise _too_large(limit)
    message = await receive()
    if message.get("more_body"):
        try:
            async with asyncio.timeout(settings.body_timeout_seconds):
                body = await _read_rest(receive, message, limit)
        except TimeoutError:
            raise InvalidRequest(
                408, "body_timeout", "The body took too long to arrive", headers={"Connection": "close"}
            ) from None
    else:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body = message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
    encoding = headers.get(b"content-encoding", b"").strip().lower()
    if encoding in (b"identity", b""):
        return body
    if encoding != b"gzip":
        raise InvalidRequest(415, "unsupported_encoding", "Content-Encoding is gzip or none")
    return _gunzip(body, limit)


async def disconnected(receive: Receive) -> None:
    """Returns when the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read_rest(receive: Receive, message: Any, limit: int) -> bytes:
    """A body of several messages, `message` the first. Raises InvalidRequest, ClientDisconnect."""
    chunks = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)
        message = await receive()


def _gunzip(body: bytes, limit: int) -> bytes:
    """One or more gzip members; holds at most `limit` decompressed bytes. Raises InvalidRequest."""
    parts = []
    size = 0
    while body:
        decompressor = zlib.decompressobj(wbits=31)
        try:
            part = decompressor.decompress(body, limit - size + 1)
        except zlib.error:
            raise InvalidRequest(400, "invalid_gzip", "The body is not valid gzip") from None
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        if not decompressor.eof:
            raise InvalidRequest(400, "invalid_gzip", "The gzip body is cut off")
        parts.append(part)
        body = decompressor.unused_data
    return b"".join(parts)


def _too_large(limit: int) -> InvalidRequest:
    # The rest of the body is not read, so the connection cannot be used again.
    return InvalidRequest(
        413, "body_too_large", f"The body is larger than {limit} bytes", headers={"Connection": "close"}
    )


def parse_json(body: bytes, loc: Location) -> Any:
    """Raises InvalidRequest (400) that names the line and column of the error; `loc`: the JSON's place in the body."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        message = f"not valid JSON: line {error.lineno}, column {error.colno}"
        raise InvalidRequest(
            400, "invalid_json", "The body is not valid JSON", [problem_at(loc, "invalid_json", message)]
        ) from None
