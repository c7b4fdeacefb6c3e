"""How much of a log is not archived yet, from what is cheap to ask once a second."""

from collections import deque
from typing import NamedTuple

from app.contract.log import StreamId

# Entries that are looked at behind the archived ones: as few are counted exactly.
PEEK_ENTRIES = 10
# Of these as many are kept; then every other one is dropped, so that they cover twice the time.
MAX_MARKS = 1000


class Mark(NamedTuple):
    """How many entries the log had been given up to an id."""

    last: StreamId
    added: int


class Backlog:
    """Redis cannot count the entries behind an id without reading them, but it knows how many the log was ever given.

    So that number is noted with the newest id again and again, and looked up for the id that is archived.
    """

    def __init__(self) -> None:
        self._marks: deque[Mark] = deque()

    def events(self, now: Mark, archived: StreamId, events_of_next: list[int]) -> int:
        """The events behind the archived id; `events_of_next`: those of each of the next PEEK_ENTRIES entries.

        An estimate where there are more entries, and too low one before this process has seen the archive move.
        """
        self._note(now, archived)
        if len(events_of_next) < PEEK_ENTRIES:
            return sum(events_of_next)
        entries = max(len(events_of_next), now.added - self._added_up_to(archived))
        return round(entries * sum(events_of_next) / len(events_of_next))

    def _note(self, now: Mark, archived: StreamId) -> None:
        marks = self._marks
        if marks and (now.last < marks[-1].last or now.added < marks[-1].added):
            marks.clear()  # another log: Redis came back older, or was rebuilt
        if not marks or now.last > marks[-1].last:
            marks.append(now)
        while len(marks) > 1 and marks[1].last <= archived:
            marks.popleft()
        if len(marks) > MAX_MARKS:
            self._marks = deque([marks[0], *list(marks)[1:-1:2], marks[-1]])

    def _added_up_to(self, archived: StreamId) -> float:
        """By interpolation over time between two marks."""
        before = self._marks[0]
        if before.last >= archived or len(self._marks) == 1:
            return before.added
        after = self._marks[1]
        share = (archived.ms - before.last.ms) / max(1, after.last.ms - before.last.ms)
        return before.added + share * (after.added - before.added)
