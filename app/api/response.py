"""Raw ASGI responses for the hot endpoints, and gzip for large JSON bodies."""

import asyncio
import gzip
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope, Send

from app.headers import API_HEADERS
from app.request_id import STATE
from app.whole_answer import whole_answer

Header = tuple[bytes, bytes]

RAW_API_HEADERS: tuple[Header, ...] = tuple((n.lower().encode(), value.encode()) for n, value in API_HEADERS.items())
_JSON = ((b"content-type", b"application/json"), *RAW_API_HEADERS)
_HEAD = b"".join(
    (b"HTTP/1.1 200 OK\r\nx-request-id: %b\r\n", *map(b"%b: %b\r\n".__mod__, _JSON), b"content-length: %d\r\n\r\n")
)


async def send_json(scope: Scope, send: Send, body: bytes) -> None:
    """200 with a JSON body."""
    write = whole_answer(scope)
    if write is not None and write(scope, _HEAD % (scope["state"][STATE], len(body)) + body):
        return
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": 200, "headers": [*_JSON, length]})
    await send({"type": "http.response.body", "body": body})


def json_response(answer: Any, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    """An answer in JSON."""
    body = orjson.dumps(answer)
    return Response(body, status_code=status, headers={**API_HEADERS, **headers}, media_type="application/json")


# Of a smaller body compression saves no packet.
COMPRESSED_BYTES = 1024
_coding = re.compile(
    r"\s*([^\s;]+)\s*(?:;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?", re.ASCII | re.IGNORECASE
).fullmatch


def accepts_gzip(request: Request) -> bool:
    """By RFC 9110, 12.5.3: the weight of gzip counts, or else that of `*`; 0 means not acceptable."""
    weights: dict[str, float] = {}
    for part in ",".join(request.headers.getlist("accept-encoding")).split(","):
        if coding := _coding(part):
            weights[coding[1].lower()] = float(coding[2] or 1)
    return weights.get("gzip", weights.get("*", 0)) > 0


async def large_json(request: Request, body: bytes) -> Response:
    """200 with JSON, compressed in a thread if the client accepts that: series of numbers shrink to a fraction."""
    headers = API_HEADERS | {"Vary": "Accept-Encoding"}
    if len(body) >= COMPRESSED_BYTES and accepts_gzip(request):
        body = await asyncio.to_thread(gzip.compress, body, 4)
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers, media_type="application/json")
