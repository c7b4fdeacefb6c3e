"""What the two clients share when they ask: requests, and what becomes of answers."""

import json
from collections.abc import Sequence
from typing import Any, TypeAlias

import httpx2

from modepulse_client.event import Stats
from modepulse_client.options import Options

Areas: TypeAlias = int | str | Sequence[int | str]
# The service sends a comment every 15 seconds.
STREAM_TIMEOUT = httpx2.Timeout(10, read=45)
STREAM_PAUSE_SECONDS = 2.0


class Refused(Exception):
    """The service answered with an error. `code` is for programs, `retry_after` in seconds (0: not said)."""

    def __init__(self, status: int, code: str, message: str, retry_after: float = 0) -> None:
        super().__init__(f"HTTP {status} {code}: {message}")
        self.status, self.code, self.retry_after = status, code, retry_after

    @property
    def may_pass(self) -> bool:
        """Whether the same request may be answered later."""
        return self.status in (408, 429) or self.status >= 500


def settings(url: str, key: str, options: Options) -> dict[str, Any]:
    """Of an httpx2 client. Raises ValueError for an address that is none."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"the address starts with http:// or https://: {url!r}")
    key = key.strip()
    if not (key.isascii() and key.isprintable()):
        raise ValueError("a key is letters, digits and _")
    return {
        "base_url": url.rstrip("/"),
        "headers": {"X-API-Key": key} if key else {},
        "timeout": httpx2.Timeout(options.timeout_seconds, connect=min(options.timeout_seconds, 5)),
    }


def parameters(areas: Areas, limit: int | None) -> dict[str, Any]:
    """Of GET /stats and its stream."""
    several = [areas] if isinstance(areas, int | str) else list(areas)
    return {"area_code": several} | ({} if limit is None else {"limit": limit})


def checked(response: httpx2.Response) -> httpx2.Response:
    """The response, read, if it is a good one. Raises Refused."""
    if response.status_code == 200:
        return response
    try:
        problem = response.json()
        code, message = str(problem["code"]), str(problem["title"])
    except (ValueError, KeyError, TypeError):
        code, message = "not_modepulse", response.text[:200]
    after = response.headers.get("Retry-After", "")
    raise Refused(response.status_code, code, message, float(after) if after.isdecimal() else 0)


def stats_of(text: str | bytes) -> Stats:
    """What GET /stats answers, and a frame of its stream holds."""
    read: Stats = json.loads(text)
    return read
