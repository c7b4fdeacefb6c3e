"""What transactions have stored."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.contract.log import line_kind


@dataclass
class Stored:
    """Of one transaction, once it was committed, or of several together."""

    rows: int = 0
    """Events that were read, be they known before or not."""
    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Those that were new, by kind and outcome."""
    rejects: int = 0
    """New in archive_rejects."""

    def add(self, other: "Stored") -> None:
        """Adds what another one has stored."""
        self.rows += other.rows
        self.events.update(other.events)
        self.rejects += other.rejects


def stored_lines(heads: Mapping[bytes, int]) -> Stored:
    """Of log lines that were all new, by their first field."""
    stored = Stored(sum(heads.values()))
    for head, count in heads.items():
        kind = line_kind(head)
        stored.events[kind.events_name, kind.outcome] += count
    return stored
