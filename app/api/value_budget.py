"""How much JSON a request may have: fields that nobody reads cost as much as those that are read."""

import re

from app.errors import InvalidRequest

# Of an event, on average, in a request that has as many events as it may.
AVERAGE_VALUES = 24
# Of one event: it is parsed in one go, which takes some milliseconds.
MAX_EVENT_BYTES = 1_048_576
MAX_EVENT_VALUES = 20_000

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)


class ValueBudget:
    """Of a request that may have `most` events. Only events with more values than the average count."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._room = self._search_room = AVERAGE_VALUES * most

    def take(self, text: bytes, events: int) -> None:
        """JSON of so many events. Raises InvalidRequest when there was too much."""
        allowed = AVERAGE_VALUES * events
        if _count(text) > allowed and (values := _count_outside_strings(text)) > allowed:
            self._room -= values
            self._check()

    def search(self, text: bytes) -> None:
        """JSON that is searched for the end of an event. Raises InvalidRequest when there was too much."""
        self._search_room -= _count_outside_strings(text)
        self._check()

    def _check(self) -> None:
        if self._room < 0 or self._search_room < 0:
            title = f"More JSON in one request than {self._most} events need; nothing was applied"
            raise InvalidRequest(422, "too_many_events", title)

    @staticmethod
    def check_event(text: bytes) -> None:
        """What may be one event, or a part of it. Raises InvalidRequest."""
        if len(text) > MAX_EVENT_BYTES or _count(text) > MAX_EVENT_VALUES:
            raise InvalidRequest(422, "event_too_large", "One event is far too large; nothing was applied")


def _count(text: bytes) -> int:
    """Of values, about: each but the first has a comma or a bracket before it."""
    return len(text) - len(text.translate(None, b",[{"))


def _count_outside_strings(text: bytes) -> int:
    return _count(_STRING.sub(b"", text))
