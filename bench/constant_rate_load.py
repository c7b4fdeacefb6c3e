"""A load generator with a fixed rate: what a service bears, instead of how fast it can be."""

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.load import LoadFailed


async def read_response(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """(head, body) of an HTTP response that has a Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    assert length
    return head, await reader.readexactly(int(length[1]))


class ConstantRateLoad:
    """Posts bodies to /events in turn, at a fixed rate, from a thread of its own; counts the responses in `answered`.

    A server that cannot keep up gets fewer requests: each connection waits for a response before its next request.
    """

    def __init__(
        self,
        port: int,
        bodies: list[bytes],
        requests_per_second: float,
        connections: int = 8,
        statuses: tuple[bytes, ...] = (b"200",),
    ) -> None:
        self._port = port
        self._requests = [
            b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
            for body in bodies
        ]
        self._interval = 1 / requests_per_second
        self._connections = connections
        self._heads = tuple(b"HTTP/1.1 " + status for status in statuses)
        self._stop = threading.Event()
        self._error = ""
        self.answered = 0

    @contextmanager
    def running(self) -> Iterator["ConstantRateLoad"]:
        """Raises LoadFailed on leaving when a response had none of the statuses."""
        thread = threading.Thread(target=lambda: asyncio.run(self._post()))
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()
        if self._error:
            raise LoadFailed(self._error)

    async def _post(self) -> None:
        start = time.perf_counter()
        numbers = iter(range(10**9))
        await asyncio.gather(*(self._post_on_connection(start, numbers) for _ in range(self._connections)))

    async def _post_on_connection(self, start: float, numbers: Iterator[int]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while not self._stop.is_set():
            n = next(numbers)
            await asyncio.sleep(max(0.0, start + n * self._interval - time.perf_counter()))
            writer.write(self._requests[n % len(self._requests)])
            head, body = await read_response(reader)
            if not head.startswith(self._heads):
                self._error = f"POST /events: {head!r} {body!r}"
                break
            self.answered += 1
        writer.close()
