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
    TOO_MANY_AREAS = "too_many_areas", "A"
    TOO_MANY_NEW_AREAS = "too_many_new_areas", "N"
    """A minute."""
    TOO_MANY_MODES = "too_many_modes", "M"
    """In its area."""
    TOO_MANY_SESSIONS = "too_many_sessions", "S"
    """Of its user."""


OVER_LIMIT = {
    outcome.letter: outcome
    for outcome in (
        Outcome.TOO_MANY_AREAS,
        Outcome.TOO_MANY_NEW_AREAS,
        Outcome.TOO_MANY_MODES,
        Outcome.TOO_MANY_SESSIONS,
    )
}
"""Why an event was refused that would have opened more than is allowed, by letter."""
LOGGED_OUTCOMES = (Outcome.APPLIED, Outcome.REFRESHED, Outcome.STALE, Outcome.LATE)
