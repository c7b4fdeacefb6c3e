"""Listeners to GET /stats/stream that cost the measuring process as little as possible."""

import asyncio
from typing import cast

CONNECTED_AT_A_TIME = 100


class StreamListener(asyncio.Protocol):
    """Counts the frames in `frames`, parses none, and keeps the data of the newest in `newest`."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._tail = b""
        self._transport: asyncio.Transport | None = None
        self.frames = 0
        self.newest = b""
        self.first_frame: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends the request."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Takes what is complete, up to the last empty line; keeps the rest for the next call."""
        data = self._tail + data
        complete, _, self._tail = data.rpartition(b"\n\n")
        newest = complete.rfind(b"data: ")
        if newest >= 0:
            self.frames += complete.count(b"data: ")
            self.newest = complete[newest + 6 :].partition(b"\n")[0]
            if not self.first_frame.done():
                self.first_frame.set_result(None)

    def abort(self) -> None:
        """Closes the connection without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()


async def connect_listeners(port: int, area_code: int, count: int) -> list[StreamListener]:
    """Listeners that all have their first frame."""
    request = b"GET /stats/stream?area_code=%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % area_code
    loop = asyncio.get_running_loop()
    listeners: list[StreamListener] = []
    while len(listeners) < count:
        some = range(min(CONNECTED_AT_A_TIME, count - len(listeners)))
        made = await asyncio.gather(
            *(loop.create_connection(lambda: StreamListener(request), "127.0.0.1", port) for _ in some)
        )
        await asyncio.gather(*(listener.first_frame for _, listener in made))
        listeners += [listener for _, listener in made]
    return listeners
