"""Posts events as a game's server should: in batches, repeated with the same key until they are taken."""

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx

GIVE_UP_SECONDS = 60.0
ERASE_SECONDS = 600.0
PAUSE_SECONDS = 0.2


class PostFailed(Exception):
    """The service cannot be reached or does not take the events; one line for a person."""


class EraseFailed(Exception):
    """The user was not erased, or it is not certain; one line for a person."""


@dataclass
class Accepted:
    """What the service has answered so far, in events."""

    accepted: int = 0
    applied: int = 0


class Client:
    """One connection to one service."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=httpx.Timeout(15, connect=5))
        self._url = url
        self.total = Accepted()

    def post(self, items: list[dict[str, Any]]) -> None:
        """Returns when the events are taken, once each. Raises PostFailed."""
        headers = {"Idempotency-Key": str(uuid4())}
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while True:
            try:
                response = self._http.post("/events/", json={"items": items}, headers=headers)
            except (httpx.ConnectError, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
                if not self.total.accepted:
                    raise PostFailed(f"{self._url} cannot be reached: {error}") from error
                failure = str(error)
            except httpx.TransportError as error:
                failure = f"{type(error).__name__} {error}"
            else:
                if response.status_code == 200:
                    answer = response.json()
                    self.total.accepted += answer["accepted"]
                    self.total.applied += answer["applied"]
                    return
                failure = f"HTTP {response.status_code}: {response.text[:300]}"
                if response.status_code != 503:
                    raise PostFailed(f"{self._url} refused events: {failure}")
            if time.monotonic() > deadline:
                raise PostFailed(f"{self._url} takes no events: {failure}")
            time.sleep(PAUSE_SECONDS)


def erase(url: str, token: str, user_id: str) -> tuple[int, int]:
    """(sessions ended, events erased). Raises EraseFailed; repeating it is safe."""
    try:
        response = httpx.delete(
            f"{url}/users/{quote(user_id, safe='')}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=ERASE_SECONDS,
        )
    except (httpx.TransportError, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise EraseFailed(f"{url} does not answer: {type(error).__name__} {error}") from error
    if response.status_code != 200:
        raise EraseFailed(f"not erased: HTTP {response.status_code}: {response.text[:300]}")
    answer = response.json()
    return answer["sessions_ended"], answer["events_erased"]
