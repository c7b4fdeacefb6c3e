"""What the group commit queues, and what it hands to a script call."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from app.contract.calls import ARGS_PER_EVENT, refused_event
from app.contract.outcome import Outcome

# Events of one script call. It bounds how long Redis is held (about 0.6 ms), and it is not a setting: the parts of a
# request with an Idempotency-Key must be cut alike when it is repeated.
CALL_EVENTS = 100


@dataclass(frozen=True)
class RequestKey:
    """What an `Idempotency-Key` stands for: a name for its call keys, a digest of the body, its lifetime in seconds."""

    name: str
    fingerprint: str
    seconds: int


@dataclass(eq=False, slots=True)
class Submission:
    """The events of one request in one partition, on their way through one or more calls, one after the other.

    `deadline` is the event loop's time; `sent` counts script arguments; `answer` gets one outcome letter an event.
    `skip`: events over a limit are refused alone; else they fail all of it, unless an earlier part was applied.
    """

    script_args: list[str]
    key: RequestKey | None
    deadline: float
    answer: asyncio.Future[str]
    skip: bool = False
    sent: int = 0
    outcomes: list[str] = field(default_factory=list)

    @property
    def events(self) -> int:
        """How many events it has."""
        return len(self.script_args) // ARGS_PER_EVENT

    @property
    def next_events(self) -> int:
        """How many of its events the next call can take."""
        return min(CALL_EVENTS, (len(self.script_args) - self.sent) // ARGS_PER_EVENT)

    @property
    def part(self) -> int:
        """Which of its calls is next, from 0, where each takes as many events as it can."""
        return self.sent // (CALL_EVENTS * ARGS_PER_EVENT)

    @property
    def exclusive(self) -> bool:
        """Whether its next call is its own: it has a key, or an earlier part was applied (another script then)."""
        return self.key is not None or bool(self.outcomes)

    @property
    def whole(self) -> bool:
        """Whether it has to be one call: then it is all or nothing, limits included."""
        return not self.skip and self.events <= CALL_EVENTS

    @property
    def slots(self) -> int:
        """How much of a call it fills, of CALL_EVENTS."""
        return CALL_EVENTS if self.exclusive else self.next_events

    def take(self, events: int) -> list[str]:
        """The script arguments of its next events."""
        return self.script_args[self.sent : self.sent + events * ARGS_PER_EVENT]

    def refuse(self, positions: Mapping[int, Outcome]) -> bool:
        """Lets these events, counted from the next, be answered by why they are refused; False where all of it is."""
        if not (self.skip or self.outcomes):
            return False
        for position, outcome in positions.items():
            start = self.sent + position * ARGS_PER_EVENT
            event = self.script_args[start : start + ARGS_PER_EVENT]
            self.script_args[start : start + ARGS_PER_EVENT] = refused_event(event, outcome.letter)
        return True

    def settle(self, outcomes: str) -> bool:
        """Notes the outcomes of its next events; returns whether they were the last."""
        self.outcomes.append(outcomes)
        self.sent += len(outcomes) * ARGS_PER_EVENT
        return self.sent == len(self.script_args)


class Group(NamedTuple):
    """The events of one script call: up to CALL_EVENTS, of one submission or of several."""

    script_args: list[str]
    deadline: float
    key: RequestKey | None
    part: int
    """Which call of a keyed request this is, from 0."""
    continues: bool
    """An earlier part of the same request was applied, so this one must not be refused for lack of memory."""
