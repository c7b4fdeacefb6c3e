"""The pages and what belongs to them, from the package itself: nothing here asks another host."""

import asyncio
import gzip
from functools import cache, cached_property
from hashlib import blake2b
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.api.response import accepts_gzip
from app.openapi import document

STATIC = Path(__file__).parents[1] / "static"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# What a page may load and run: what comes from here.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class Asset:
    """A file in memory, with what HTTP needs to send it once to each browser."""

    def __init__(self, body: bytes, kind: str) -> None:
        self._body = body
        self._kind = kind
        self._etag = f'W/"{blake2b(body, digest_size=12).hexdigest()}"'

    @cached_property
    def _gzipped(self) -> bytes:
        return gzip.compress(self._body, 9, mtime=0)

    async def response(self, request: Request) -> Response:
        headers = {
            "Cache-Control": "no-cache",
            "ETag": self._etag,
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Vary": "Accept-Encoding",
        }
        if self._etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        body = self._body
        if accepts_gzip(request):
            # The largest takes a tenth of a second, once.
            body = await asyncio.to_thread(lambda: self._gzipped)
            headers["Content-Encoding"] = "gzip"
        return Response(body, headers=headers, media_type=self._kind)


@cache
def _assets() -> dict[str, Asset]:
    """Every file below app/static by its path there."""
    return {
        path.relative_to(STATIC).as_posix(): Asset(
            path.read_bytes(), KINDS.get(path.suffix, "text/plain; charset=utf-8")
        )
        for path in STATIC.rglob("*")
        if path.is_file()
    }


async def get_static(request: Request) -> Response:
    """A file of the pages."""
    return await _respond(request, request.path_params["path"])


async def get_page(request: Request) -> Response:
    """The dashboard. Its address tells what it shows: /?area_code=111, /?user_id=ann."""
    return await _respond(request, "index.html")


async def get_docs(request: Request) -> Response:
    """The document of /openapi.json to read and to try."""
    return await _respond(request, "docs.html")


async def get_openapi(request: Request) -> Response:
    """The OpenAPI 3.1 document."""
    return await _openapi().response(request)


@cache
def _openapi() -> Asset:
    return Asset(document(), "application/json")


async def _respond(request: Request, path: str) -> Response:
    asset = _assets().get(path)
    if asset is None:
        raise HTTPException(404)
    return await asset.response(request)
