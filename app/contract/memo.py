"""What was worked out once, kept for the next time, in bounded memory whatever clients send."""

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Memo(dict[K, V], Generic[K, V]):
    """A dictionary of at most `entries`, emptied when full: what recurs is back at once.

    Simpler, and cheaper where it is read, than forgetting the oldest. Keys longer than `longest` are not kept.
    """

    def __init__(self, entries: int, longest: int) -> None:
        self._entries = entries
        self._longest = longest

    def keep(self, key: K, value: V, length: int) -> V:
        """Returns the value. `length`: of the key, in its own units."""
        if length <= self._longest:
            if len(self) >= self._entries:
                self.clear()
            self[key] = value
        return value
