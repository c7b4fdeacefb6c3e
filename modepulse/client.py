"""An HTTP client of the API. It posts as a game server should: in batches, each repeated with the same idempotency
key until it is accepted."""

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx2

POST_DEADLINE_SECONDS = 60.0
ERASE_TIMEOUT_SECONDS = 600.0
RETRY_PAUSE_SECONDS = 0.2


class PostFailed(Exception):
    """The service cannot be reached or does not accept the events. The message is one line for a person."""


class EraseFailed(Exception):
    """The user was not erased, or may not have been. The message is one line for a person."""


@dataclass
class PostTotals:
    """Events that the service has accepted so far, and those of them that it applied."""

    accepted: int = 0
    applied: int = 0


class Client:
    """Posts events to the service at `url` with an API key, where it has one; adds up the answers in `totals`."""

    def __init__(self, url: str, key: str = "") -> None:
        headers = {"X-API-Key": key} if key else {}
        self._http = httpx2.Client(base_url=url, timeout=httpx2.Timeout(15, connect=5), headers=headers)
        self._url = url
        self.totals = PostTotals()

    def post(self, items: list[dict[str, Any]]) -> None:
        """Returns once the events are accepted, each exactly once. Raises PostFailed if a retry cannot help, or none
        has helped within POST_DEADLINE_SECONDS."""
        headers = {"Idempotency-Key": str(uuid4())}
        deadline = time.monotonic() + POST_DEADLINE_SECONDS
        while (failure := self._try_post(items, headers)) is not None:
            if time.monotonic() > deadline:
                raise PostFailed(f"{self._url} takes no events: {failure}")
            time.sleep(RETRY_PAUSE_SECONDS)

    def _try_post(self, items: list[dict[str, Any]], headers: dict[str, str]) -> str | None:
        """One attempt. Returns None, or why it failed if it should be repeated. Raises PostFailed if not."""
        try:
            response = self._http.post("/events/", json={"items": items}, headers=headers)
        except (httpx2.ConnectError, httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
            if not self.totals.accepted:
                raise PostFailed(f"{self._url} cannot be reached: {error}") from error
            return str(error)
        except httpx2.TransportError as error:
            return f"{type(error).__name__} {error}"
        if response.status_code != 200:
            failure = f"HTTP {response.status_code}: {response.text[:300]}"
            if response.status_code not in (429, 503):
                raise PostFailed(f"{self._url} refused events: {failure}")
            return failure
        answer = response.json()
        self.totals.accepted += answer["accepted"]
        self.totals.applied += answer["applied"]
        return None


def erase(url: str, token: str, user_id: str) -> tuple[int, int]:
    """Erases a user; returns (sessions ended, events erased). Safe to repeat. Raises EraseFailed."""
    try:
        response = httpx2.delete(
            f"{url}/users/{_segment(user_id)}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=ERASE_TIMEOUT_SECONDS,
        )
    except (httpx2.TransportError, httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
        raise EraseFailed(f"{url} does not answer: {type(error).__name__} {error}") from error
    if response.status_code != 200:
        raise EraseFailed(f"not erased: HTTP {response.status_code}: {response.text[:300]}")
    answer = response.json()
    return answer["sessions_ended"], answer["events_erased"]


def _segment(user_id: str) -> str:
    """The user's segment of a path: with a bare dot, httpx2 would resolve `..`; what is no UTF-8 is sent as it is."""
    return quote(user_id, safe="", errors="surrogateescape").replace(".", "%2E")
