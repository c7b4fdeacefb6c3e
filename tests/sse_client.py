"""A listener to GET /stats/stream."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx2
import orjson


class Frame(NamedTuple):
    kind: str  # "message", "problem" or "comment"
    identity: str
    data: Any


class Listening:
    """Frames as they come; waiting for one longer than ten seconds fails."""

    def __init__(self, response: httpx2.Response) -> None:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"] == "text/event-stream"
        self.response = response
        self._lines = _lines(response)
        self.retry = 0

    def next(self) -> Frame:
        kind, identity, data = "message", "", ""
        for line in self._lines:
            name, _, value = line.partition(": ")
            if name == "id":
                identity = value
            elif name == "event":
                kind = value
            elif name == "data":
                data = value
            elif name == "retry":
                self.retry = int(value)
            elif name == "":
                if line:
                    kind = "comment"
                if data or kind == "comment":
                    return Frame(kind, identity, orjson.loads(data) if data else None)
        raise EOFError

    def until(self, **expected: Any) -> Frame:
        """The first frame that says so."""
        while True:
            frame = self.next()
            if frame.data is not None and all(frame.data.get(name) == value for name, value in expected.items()):
                return frame


def _lines(response: httpx2.Response) -> Iterator[str]:
    """By line feeds only: to str.splitlines, and so to the client, other characters of names end a line, too."""
    rest = b""
    for chunk in response.iter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode() for line in lines)


@contextmanager
def listening(url: str, area: Any, last: str = "", **params: Any) -> Iterator[Listening]:
    headers = {"Last-Event-ID": last} if last else {}
    with httpx2.stream(
        "GET", f"{url}/stats/stream", params={"area_code": area, **params}, headers=headers, timeout=10
    ) as response:
        yield Listening(response)
