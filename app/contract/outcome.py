"""What an event is and what became of it: the words of the API, the log and the archive."""

from enum import StrEnum


class EventKind(StrEnum):
    """`events_name`. Clients post the first three; the service itself logs the other two."""

    LOGIN = "LOGIN"
    LOGOUT = "LOGOUT"
    HEARTBEAT = "HEARTBEAT"
    EXPIRE = "EXPIRE"
    """The session had no event for its lease."""
    HEAL = "HEAL"
    """A counter was corrected after Redis had lost events; changes it by any number."""


POSTED_KINDS = (EventKind.LOGIN, EventKind.LOGOUT, EventKind.HEARTBEAT)


class Outcome(StrEnum):
    """What the session rule made of an event (docs/session-rule.md)."""

    letter: str
    """How lua/record_events.lua returns it."""

    def __new__(cls, word: str, letter: str) -> "Outcome":
        outcome = str.__new__(cls, word)
        outcome._value_ = word
        outcome.letter = letter
        return outcome

    APPLIED = "applied", "a"
    REFRESHED = "refreshed", "r"
    STALE = "stale", "s"
    LATE = "late", "l"
    DUPLICATE = "duplicate", "d"
    CLOCK_SKEW = "clock_skew", "k"


LOGGED_OUTCOMES = (Outcome.APPLIED, Outcome.REFRESHED, Outcome.STALE, Outcome.LATE)
