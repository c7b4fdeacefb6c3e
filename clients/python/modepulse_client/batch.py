"""Events that are sent together, and what an answer means for them."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import uuid4

from modepulse_client.event import Event

PATH = "/events?on_invalid=skip"
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS, MAX_RETRY_AFTER_SECONDS = 0.2, 30.0, 300.0
# What may be better the next time: the service's 429 and 503, and what a proxy answers in its place.
_AGAIN = (408, 425, 429, 500, 502, 503, 504)
# The batch as a whole is too much; its halves may not be.
_TOO_MUCH = ("too_many_events", "body_too_large")


@dataclass(frozen=True)
class Delivered:
    """`faults`: (position in the batch, code, message) of events that were refused alone, the first of them."""

    accepted: int
    applied: int
    faults: Sequence[tuple[int, str, str]]


@dataclass(frozen=True)
class Again:
    """To be repeated after `seconds`."""

    seconds: float
    reason: str


@dataclass(frozen=True)
class Halves:
    """To be sent in two parts."""


@dataclass(frozen=True)
class Lost:
    """Repeating cannot help."""

    code: str
    message: str


@dataclass
class Batch:
    """The body and the Idempotency-Key stay the same in every attempt, so that it is applied once.

    `queued`: how many of the events, the first, come from the queue. `deadline`: when to give up, by the timer.
    """

    events: list[Event]
    queued: int
    deadline: float
    key: str = field(default_factory=lambda: str(uuid4()))
    attempts: int = 0

    def __post_init__(self) -> None:
        self.body = json.dumps({"items": self.events}, separators=(",", ":")).encode()

    @property
    def headers(self) -> dict[str, str]:
        """Of its request."""
        keyed = {"Idempotency-Key": self.key} if self.key else {}
        return {"Content-Type": "application/json", **keyed}

    def halves(self) -> list["Batch"]:
        """Two batches with keys of their own."""
        middle = len(self.events) // 2
        first, second = self.events[:middle], self.events[middle:]
        queued = min(self.queued, middle)
        return [Batch(first, queued, self.deadline), Batch(second, self.queued - queued, self.deadline)]

    def unreachable(self, reason: str) -> Again:
        """There was no answer."""
        self.attempts += 1
        return Again(self._pause(), reason)

    def judge(self, status: int, headers: Mapping[str, str], content: bytes) -> Delivered | Again | Halves | Lost:
        """What an answer means."""
        self.attempts += 1
        answer = _object(content)
        code, title = str(answer.get("code", f"http_{status}")), str(answer.get("title", f"HTTP {status}"))
        if status == 200 and isinstance(answer.get("accepted"), int):
            faults = [fault for fault in map(_fault, answer.get("errors", ())) if fault and fault[0] < len(self.events)]
            return Delivered(answer["accepted"], int(answer.get("applied", 0)), faults)
        if status in _AGAIN:
            return Again(max(_retry_after(headers), self._pause()), f"{code}: {title}")
        if code == "too_many_keys" and self.key:
            # The service remembers no more keys. Without one a repeated batch still ends in the same state.
            self.key = ""
            return Again(0, code)
        if code in _TOO_MUCH and len(self.events) > 1:
            return Halves()
        if 200 <= status < 400:
            return Lost("not_modepulse", f"HTTP {status}, and not the answer of a Modepulse")
        return Lost(code, title)

    def _pause(self) -> float:
        """Longer each time, and never the same for two clients."""
        longest = min(FIRST_PAUSE_SECONDS * 2.0 ** min(self.attempts, 20), MAX_PAUSE_SECONDS)
        return longest * random.uniform(0.5, 1)


def _object(content: bytes) -> dict[str, Any]:
    try:
        read = json.loads(content)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _fault(fault: Any) -> tuple[int, str, str] | None:
    """A fault of `errors` that is about an item."""
    try:
        items, position = fault["loc"][:2]
        return (position, str(fault["code"]), str(fault["message"])) if items == "items" else None
    except (KeyError, TypeError, ValueError):
        return None


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds, from a number or a date; 0 where there is neither."""
    value = headers.get("Retry-After", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return 0
    return min(max(seconds, 0), MAX_RETRY_AFTER_SECONDS)
