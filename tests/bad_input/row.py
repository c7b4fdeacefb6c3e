"""One line of the catalogue of bad input: requests that differ in one place, and the refusal that all of them must get.

The tables are plain lists: paths.py, queries.py, bodies.py, wire.py. Add a line to the table of its kind.
"""

from collections.abc import Iterator
from typing import NamedTuple

MARK = "§"
Place = list[str | int]


class Case(NamedTuple):
    """What is sent, byte by byte but for the headers that every request has, and what must come back."""

    name: str
    line: bytes
    """The method and the target."""
    headers: bytes
    body: bytes
    status: int
    code: str
    place: Place


class Row(NamedTuple):
    """`§` stands for each of the values in turn, in the request line, the headers or the body.

    Values are put in as they are: percent-encoded where they have to be, bytes that are no UTF-8 as surrogates
    (`\\udcff`). `code` and `place` are those of the problem and of its first error.
    """

    status: int
    code: str
    place: Place
    line: str
    values: tuple[str, ...] = ("",)
    body: str = ""
    headers: str = ""

    def cases(self) -> Iterator[Case]:
        """A case for each value."""
        for value in self.values:
            line, body, headers = (_bytes(part, value) for part in (self.line, self.body, self.headers))
            shown = value if len(value) <= 24 else f"{value[:20]}... ({len(value)})"
            about = self.body[:60] or self.headers[:40]
            name = f"{self.line} {about}".strip().replace(MARK, f"<{shown}>")
            yield Case(name.encode("ascii", "backslashreplace").decode(), line, headers, body, *self[:3])


def _bytes(part: str, value: str) -> bytes:
    return part.replace(MARK, value).encode("utf-8", "surrogateescape")
