"""What the script calls of one partition were: how large, how long, and what became of their events."""

from collections import Counter

from app.contract.calls import ARGS_PER_EVENT
from app.exposition.histogram import Histogram

GROUP_EVENTS = (1, 2, 5, 10, 20, 32, 50, 75, 100)
# Of an event's arguments.
_KIND = 2


class CallMetrics:
    """Counts the calls that were answered; one of an attempt that was lost is counted by its repetition."""

    def __init__(self) -> None:
        self.seconds = Histogram()
        """From writing the call to the connection to its answer."""
        self.group_events = Histogram(GROUP_EVENTS)
        self.events: Counter[tuple[str, str]] = Counter()
        """By kind and letter of the outcome."""

    def note(self, script_args: list[str], letters: str, seconds: float) -> None:
        """Counts a call; `letters` has one for each event of its arguments."""
        self.seconds.observe(seconds)
        self.group_events.observe(len(letters))
        self.events.update(zip(script_args[_KIND::ARGS_PER_EVENT], letters, strict=False))
