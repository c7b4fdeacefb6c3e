"""The pages and their files, all from this package: no page loads anything from another host."""

import asyncio
import gzip
from functools import cache, cached_property
from hashlib import blake2b
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.api.response import accepts_gzip
from app.settings import Settings

STATIC = Path(__file__).parents[1] / "static"
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# A page may load and run only what this service serves.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class Asset:
    """A file in memory, with the headers that make a browser load it only once."""

    def __init__(self, body: bytes, content_type: str) -> None:
        self._body = body
        self._content_type = content_type
        self._etag = f'W/"{blake2b(body, digest_size=12).hexdigest()}"'

    @cached_property
    def _gzipped(self) -> bytes:
        return gzip.compress(self._body, 9, mtime=0)

    async def response(self, request: Request) -> Response:
        """200, or 304 for a browser that has it; compressed where the client accepts that."""
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
            # The largest file takes 0.1 s, once.
            body = await asyncio.to_thread(lambda: self._gzipped)
            headers["Content-Encoding"] = "gzip"
        return Response(body, headers=headers, media_type=self._content_type)


@cache
def _asset(path: str, root: str) -> Asset | None:
    """A file below app/static, by its path there. In pages, `root` is put in front of the addresses that they name."""
    body = _files().get(path)
    if body is None:
        return None
    suffix = Path(path).suffix
    if suffix == ".html":
        body = body.replace(b'="./', f'="{root}'.encode())
    return Asset(body, CONTENT_TYPES.get(suffix, "text/plain; charset=utf-8"))


@cache
def _files() -> dict[str, bytes]:
    return {path.relative_to(STATIC).as_posix(): path.read_bytes() for path in STATIC.rglob("*") if path.is_file()}


async def get_static(request: Request) -> Response:
    """A file of the pages."""
    path = request.path_params["path"]
    return await _respond(request, path if path in _files() else "")


async def get_page(request: Request) -> Response:
    """The dashboard. Its query selects what it shows: /?area_code=111, /?user_id=ann."""
    return await _respond(request, "index.html", "./")


async def get_docs(request: Request) -> Response:
    """The API documentation, rendered from /openapi.json."""
    return await _respond(request, "docs.html", "../" if request.scope["path"].endswith("/") else "./")


async def _respond(request: Request, path: str, to_root: str = "./") -> Response:
    """`to_root`: the relative address of the root, which serves as long as MODEPULSE_ROOT_PATH is not set."""
    settings: Settings = request.state.settings
    asset = _asset(path, f"{settings.root_path}/" if settings.root_path else to_root)
    if asset is None:
        raise HTTPException(404)
    return await asset.response(request)
