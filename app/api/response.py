"""Raw ASGI responses for the hot endpoints, and gzip for large JSON bodies."""

import asyncio
import gzip

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


def accepts_gzip(request: Request) -> bool:
    """Whether the client reads gzip."""
    return "gzip" in request.headers.get("accept-encoding", "")


async def large_json(request: Request, body: bytes) -> Response:
    """200 with JSON, compressed in a thread if the client accepts that: series of numbers shrink to a fraction."""
    headers = {"Vary": "Accept-Encoding"}
    if len(body) >= COMPRESSED_BYTES and accepts_gzip(request):
        body = await asyncio.to_thread(gzip.compress, body, 4)
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers, media_type="application/json")
