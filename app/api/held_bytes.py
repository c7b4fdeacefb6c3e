"""What the bodies that are being read hold in memory, all requests of this process together."""

from app.errors import CLOSE, Unavailable


class HeldBytes:
    """The share of one request, given back by `close`.

    `most` is what all may hold together, though one alone may always hold what a body may have.
    """

    __slots__ = ("_most", "_own")

    _all = 0

    def __init__(self, most: int) -> None:
        self._most = most
        self._own = 0

    def add(self, count: int) -> None:
        """To be called for bytes that are kept. Raises Unavailable when all together hold too much."""
        others = HeldBytes._all - self._own
        if others and HeldBytes._all + count > self._most:
            title = "Other bodies take all the room there is; nothing was applied"
            raise Unavailable("bodies_full", title, headers=CLOSE)
        HeldBytes._all += count
        self._own += count

    def close(self) -> None:
        """Gives back what was held."""
        HeldBytes._all -= self._own
        self._own = 0
