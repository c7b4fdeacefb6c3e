"""Raw ASGI responses for the hot endpoints, and gzip for large JSON bodies."""

import asyncio
import gzip
import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Send

Header = tuple[bytes, bytes]

NO_STORE: Header = (b"cache-control", b"no-store")
_JSON: Header = (b"content-type", b"application/json")


async def send_json(send: Send, body: bytes, *headers: Header) -> None:
    """200 with a JSON body."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": 200, "headers": [_JSON, length, *headers]})
    await send({"type": "http.response.body", "body": body})


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
    headers = {"Vary": "Accept-Encoding"}
    if len(body) >= COMPRESSED_BYTES and accepts_gzip(request):
        body = await asyncio.to_thread(gzip.compress, body, 4)
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers, media_type="application/json")
