"""Reading what a request carries: body with its limits, encodings, query parameters."""

import asyncio
import zlib
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from app.contract.event import NAME_RULE, is_name
from app.contract.problem import problem_at
from app.errors import InvalidRequest
from app.settings import Settings

MAX_AREAS = 1000


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], settings: Settings) -> bytes:
    """The whole body, decompressed. Raises InvalidRequest when it is too large, too slow or not gzip.

    `headers` are as ASGI has them, names in small letters.
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


async def _read_rest(receive: Receive, message: Any, limit: int) -> bytes:
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
    """One or more gzip members; never makes more than `limit` bytes of them."""
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


def parse_json(body: bytes, loc: list[str | int]) -> Any:
    """Raises InvalidRequest (400) that tells where the JSON breaks off."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        what = f"not valid JSON: line {error.lineno}, column {error.colno}"
        raise InvalidRequest(
            400, "invalid_json", "The body is not valid JSON", [problem_at(loc, "invalid_json", what)]
        ) from None


def area_codes(request: Request) -> list[str]:
    """The `area_code` parameters, each once, in order. Raises InvalidRequest."""
    areas = list(dict.fromkeys(request.query_params.getlist("area_code")))
    if not areas:
        raise invalid_query("area_code", "missing", "area_code is required")
    if len(areas) > MAX_AREAS:
        raise invalid_query("area_code", "too_many", f"at most {MAX_AREAS} areas a request")
    for area in areas:
        if not is_name(area):
            raise invalid_query("area_code", "invalid_name", f"area_code {NAME_RULE}")
    return areas


def whole_number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """One whole-number parameter. Raises InvalidRequest."""
    values = request.query_params.getlist(name)
    if not values:
        return default
    text = values[0]
    if len(values) > 1 or not (text.isascii() and text.isdigit()) or not low <= int(text[:19]) <= high:
        raise invalid_query(name, "range", f"{name} is one whole number from {low} to {high}")
    return int(text)


def invalid_query(name: str, code: str, message: str) -> InvalidRequest:
    return InvalidRequest(422, "invalid_query", "The query is not valid", [problem_at(["query", name], code, message)])
