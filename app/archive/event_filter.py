"""The WHERE of queries on area_mode_events."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

# No event is recorded earlier than this before its own time, even where clocks differ: it limits which days are read.
EARLIEST_RECORD_SECONDS = 86_400


class EventFilter:
    """Conditions on rows `e` of area_mode_events, with their arguments.

    `question` spells out what is asked, but for the page: a cursor is good for one question only.
    """

    def __init__(self, *subject: str) -> None:
        self.question = "|".join(subject)
        self.args: list[Any] = []
        self._conditions: list[str] = []

    def equal(self, column: str, value: str | None) -> None:
        """No condition where the value is None."""
        if value is not None:
            self.question += f"|{column}={value}"
            self._add(f"e.{column} = {{}}", value)

    def equal_word(self, column: str, word: str | None) -> None:
        """`word` is one of our own, never what a client sent: as a constant, a partial index can serve it."""
        if word is not None:
            self.question += f"|{column}={word}"
            self._conditions.append(f"e.{column} = '{word}'")

    def within(
        self, begin: float | None, end: float | None, after: tuple[float, UUID] | None, ascending: bool = False
    ) -> None:
        """Events of a time range (seconds since 1970), of these only what follows `after`, the last row of a page.

        `after` replaces the bound on its side: beside it, Postgres would start to read the index at that bound.
        """
        since = begin
        if after is not None:
            side = ">" if ascending else "<"
            self._add(f"(e.epoch_timestamp, e.event_id) {side} ({{}}, {{}})", *after)
            if ascending:
                since, begin = after[0], None
            else:
                end = None
        if since is not None:
            earliest = datetime.fromtimestamp(max(0, since - EARLIEST_RECORD_SECONDS), UTC)
            self._add("e.recorded_at >= {}", earliest)
        if begin is not None:
            self._add("e.epoch_timestamp >= {}", begin)
        if end is not None:
            self._add("e.epoch_timestamp < {}", end)

    def query(self, template: str, **words: str) -> str:
        """The template with its `{conditions}` filled in, and with the other `words`."""
        return template.format(conditions=" AND ".join(self._conditions) or "true", **words)

    def _add(self, condition: str, *values: Any) -> None:
        """Each `{}` in the condition becomes the parameter of a value."""
        parameters = [f"${len(self.args) + n}" for n in range(1, len(values) + 1)]
        self._conditions.append(condition.format(*parameters))
        self.args += values
