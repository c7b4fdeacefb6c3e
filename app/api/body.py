"""The body of a request: received within limits, decompressed, and read as JSON."""

import asyncio
import zlib
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from app.api.held_bytes import HeldBytes
from app.contract.problem import Location, problem_at
from app.errors import CLOSE, InvalidRequest
from app.settings import Settings

# The most that a body of a few fields may have.
FIELDS_BYTES = 65_536
# Decompressed in one go, which takes about 0.2 ms.
SLICE_BYTES = 65_536
# Of a gzip body; each costs some microseconds, however little is in it.
MAX_MEMBERS = 1000


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], settings: Settings) -> bytes:
    """The body of a request that has a few fields: FIELDS_BYTES at most. Raises as `receive_body`."""
    held = HeldBytes(settings.max_waiting_bytes)
    try:
        return await receive_body(receive, headers, settings, held, FIELDS_BYTES)
    finally:
        held.close()


async def receive_body(
    receive: Receive, headers: Mapping[bytes, bytes], settings: Settings, held: HeldBytes, most: int
) -> bytes:
    """The whole body, decompressed, of `most` or MODEPULSE_MAX_BODY_BYTES; what is large is counted in `held`.

    `headers` are as ASGI has them, names in lower case. Raises InvalidRequest when it is too large, too slow or not
    gzip, Unavailable when others hold too much, ClientDisconnect.
    """
    limit = min(most, settings.max_body_bytes)
    length = headers.get(b"content-length", b"")
    # int() refuses thousands of digits with an error of its own.
    if len(length) > 3 and (digits := length.lstrip(b"0")).isdigit() and int(digits[:20]) > limit:
        raise _too_large(limit)
    message = await receive()
    if message.get("more_body"):
        try:
            async with asyncio.timeout(settings.body_timeout_seconds):
                body = await _read_rest(receive, message, limit, held)
        except TimeoutError:
            raise InvalidRequest(408, "body_timeout", "The body took too long to arrive", headers=CLOSE) from None
    else:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body = message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
    encoding = headers.get(b"content-encoding", b"").strip().lower()
    if encoding in (b"identity", b""):
        return body
    if encoding not in (b"gzip", b"x-gzip"):
        raise InvalidRequest(415, "unsupported_encoding", "Content-Encoding is gzip or none")
    return await _gunzip(body, limit, held)


async def disconnected(receive: Receive) -> None:
    """Returns when the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read_rest(receive: Receive, message: Message, limit: int, held: HeldBytes) -> bytes:
    """A body of several messages, `message` the first. Raises InvalidRequest, Unavailable, ClientDisconnect."""
    chunks = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        held.add(len(chunk))
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)
        message = await receive()


async def _gunzip(body: bytes, limit: int, held: HeldBytes) -> bytes:
    """One or more gzip members. Raises InvalidRequest, Unavailable."""
    parts: list[bytes] = []
    size = members = 0
    member: Any = None
    for start in range(0, len(body), SLICE_BYTES):
        data, part = body[start : start + SLICE_BYTES], b""
        # All of its input may be taken while there is output left.
        while data or (len(part) == SLICE_BYTES and not member.eof):
            if member is None or member.eof:
                member = zlib.decompressobj(wbits=31)
                members += 1
                if members > MAX_MEMBERS:
                    raise InvalidRequest(400, "invalid_gzip", f"The gzip body has more than {MAX_MEMBERS} members")
            if size >= SLICE_BYTES or members > 1:
                await asyncio.sleep(0)
            try:
                part = member.decompress(data, SLICE_BYTES)
            except zlib.error:
                raise InvalidRequest(400, "invalid_gzip", "The body is not valid gzip") from None
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            held.add(len(part))
            parts.append(part)
            data = member.unused_data if member.eof else member.unconsumed_tail
    if member is not None and not member.eof:
        raise InvalidRequest(400, "invalid_gzip", "The gzip body is cut off")
    return b"".join(parts)


def _too_large(limit: int) -> InvalidRequest:
    # The rest of the body is not read, so the connection cannot be used again.
    return InvalidRequest(413, "body_too_large", f"The body is larger than {limit} bytes", headers=CLOSE)


def parse_json(body: bytes, loc: Location) -> Any:
    """Raises InvalidRequest (400) that names the line and column of the error; `loc`: the JSON's place in the body."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid_json(loc, error.lineno, error.colno) from None


def invalid_json(loc: Location, line: int, column: int) -> InvalidRequest:
    """The refusal (400) of what is not JSON from there on."""
    message = f"not valid JSON: line {line}, column {column}"
    return InvalidRequest(400, "invalid_json", "The body is not valid JSON", [problem_at(loc, "invalid_json", message)])
