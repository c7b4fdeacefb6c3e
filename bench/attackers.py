"""`python -m bench.attackers PORT SECONDS`: connections that hold on without a request, and bad requests.

Prints what became of them as JSON. They come from many addresses of loopback: no limit of one address keeps them off.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle

import uvloop

from bench.constant_rate_load import read_response

CONNECTIONS = 600
BAD_REQUESTS_PER_SECOND = 1000
BAD_CONNECTIONS = 50
ADDRESSES = [f"127.0.1.{n}" for n in range(1, 101)]

HOST = b"Host: localhost\r\n"
# What a connection sends first; a byte a second follows, if any is left.
SILENT = (b"", b"")
DRIBBLED_HEADERS = (b"GET /stats?area_code=1 HTTP/1.1\r\n" + HOST, b"X-Slow: " + b"x" * 1000)
DRIBBLED_BODY = (b"POST /events HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\n", b"[" + b" " * 999)


def _request(line: bytes, body: bytes = b"", headers: bytes = b"") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    return line + b" HTTP/1.1\r\n" + HOST + headers + length + b"\r\n" + body


BAD_REQUESTS = (
    _request(b"POST /events", b"[{"),
    _request(b"POST /events", b'[{"area_code": 1, "user_id": "\\u0000", "events_name": "JOIN"}, 7, []]'),
    _request(b"POST /events", b"\x1f\x8b" + b"x" * 100, b"Content-Encoding: gzip\r\n"),
    _request(b"GET /stats?area_code=1&limit=" + b"0" * 4000),
    _request(b"GET /stats"),
    _request(b"GET /events?cursor=" + b"A" * 43),
    _request(b"GET /nothing"),
    _request(b"PUT /events"),
    _request(b"DELETE /users/ann", headers=b"Authorization: Bearer wrong\r\n"),
    b"GET / HTTP/9.9\r\nno header\r\n\r\n",
)


class Attack:
    """`first`: seconds until each connection of the first wave was closed. Each closed one is opened again."""

    def __init__(self, port: int, seconds: float) -> None:
        self._port = port
        self._ends = time.perf_counter() + seconds
        self._addresses = cycle(ADDRESSES)
        self.first: list[float] = []
        self.reopened = 0
        self.statuses: Counter[str] = Counter()

    async def run(self) -> None:
        """Returns at the end of the time."""
        kinds = [SILENT, DRIBBLED_HEADERS, DRIBBLED_BODY]
        holding = [self._hold_on(*kinds[n % len(kinds)]) for n in range(CONNECTIONS)]
        numbers = iter(range(10**9))
        bad = [self._send_bad(time.perf_counter(), numbers) for _ in range(BAD_CONNECTIONS)]
        tasks = [asyncio.ensure_future(each) for each in (*holding, *bad)]
        await asyncio.sleep(self._ends - time.perf_counter())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port, local_addr=(next(self._addresses), 0))

    async def _hold_on(self, begin: bytes, rest: bytes) -> None:
        opened = time.perf_counter()
        await self._hold_one(begin, rest)
        self.first.append(time.perf_counter() - opened)
        while True:
            self.reopened += 1
            await self._hold_one(begin, rest)
            await asyncio.sleep(0.1)

    async def _hold_one(self, begin: bytes, rest: bytes) -> None:
        """Returns when the server has closed the connection."""
        try:
            reader, writer = await self._open()
        except OSError:
            return
        closed = asyncio.ensure_future(reader.read())
        try:
            writer.write(begin)
            for byte in rest:
                if (await asyncio.wait([closed], timeout=1))[0]:
                    break
                writer.write(bytes([byte]))
            await asyncio.wait([closed])
            closed.exception()
        finally:
            closed.cancel()
            writer.transport.abort()

    async def _send_bad(self, start: float, numbers: Iterator[int]) -> None:
        writer = None
        while True:
            n = next(numbers)
            await asyncio.sleep(max(0.0, start + n / BAD_REQUESTS_PER_SECOND - time.perf_counter()))
            try:
                if writer is None:
                    reader, writer = await self._open()
                writer.write(BAD_REQUESTS[n % len(BAD_REQUESTS)])
                head, _ = await read_response(reader)
                self.statuses[head[9:12].decode()] += 1
                if b"\r\nconnection: close" in head.lower():
                    writer.close()
                    writer = None
            except (OSError, EOFError, AssertionError):
                self.statuses["closed"] += 1
                if writer is not None:
                    writer.close()
                writer = None


async def _main(port: int, seconds: float) -> None:
    attack = Attack(port, seconds)
    await attack.run()
    print(json.dumps({"first": attack.first, "reopened": attack.reopened, "statuses": attack.statuses}))


if __name__ == "__main__":
    uvloop.run(_main(int(sys.argv[1]), float(sys.argv[2])))
