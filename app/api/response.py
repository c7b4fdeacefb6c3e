"""Answers of the paths that everybody takes: the two ASGI messages and nothing else."""

from starlette.types import Send

Header = tuple[bytes, bytes]

NO_STORE: Header = (b"cache-control", b"no-store")
_JSON: Header = (b"content-type", b"application/json")


async def send_json(send: Send, body: bytes, *headers: Header) -> None:
    """200 with a JSON body."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": 200, "headers": [_JSON, length, *headers]})
    await send({"type": "http.response.body", "body": body})
