"""`/metrics` on a port of its own: for the archiver, which serves nothing else, and for API processes that share one
listener, where nobody could know whose figures an answer holds."""

import asyncio
import logging
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from app.exposition.text import CONTENT_TYPE, Exposition

log = logging.getLogger(__name__)

# Prometheus asks every few seconds. What takes longer, is larger or comes in greater number is something else.
ANSWER_SECONDS = 5
MAX_HEADER_BYTES = 16_384
MAX_CONNECTIONS = 32
RETRY_SECONDS = 2


@asynccontextmanager
async def serving(exposition: Exposition, host: str, port: int) -> AsyncIterator[None]:
    """Answers on the port meanwhile, or on none for port 0.

    While the port cannot be had, it is tried again: a process is not to end for want of being watched.
    """
    if not port:
        yield
        return
    task = asyncio.create_task(_serve(exposition, host, port), name="metrics")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _serve(exposition: Exposition, host: str, port: int) -> None:
    endpoint = _Endpoint(exposition)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    failed = False
    while True:
        try:
            listener = socket.create_server((host, port), family=family, backlog=MAX_CONNECTIONS)
            break
        except OSError as error:
            if not failed:
                log.error(
                    "The port of /metrics cannot be had", exc_info=error, extra={"action": "metrics", "port": port}
                )
            failed = True
            await asyncio.sleep(RETRY_SECONDS)
    server = await asyncio.start_server(endpoint.answer, sock=listener, limit=MAX_HEADER_BYTES)
    try:
        log.info("Figures are served", extra={"action": "metrics", "port": port})
        await asyncio.Event().wait()
    finally:
        server.close()


class _Endpoint:
    """One request a connection."""

    def __init__(self, exposition: Exposition) -> None:
        self._exposition = exposition
        self._connections = 0

    async def answer(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Whatever arrives, the connection ends within ANSWER_SECONDS."""
        self._connections += 1
        try:
            if self._connections <= MAX_CONNECTIONS:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._answer(reader, writer)
                    await writer.drain()
                    # Closed at once, a client that has sent more would lose the answer.
                    writer.write_eof()
                    while await reader.read(MAX_HEADER_BYTES):
                        pass
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._connections -= 1
            writer.transport.abort()

    async def _answer(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            _send(writer, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return
        words = head.partition(b"\r\n")[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            _send(writer, HTTPStatus.BAD_REQUEST)
        elif words[1].partition(b"?")[0] not in (b"/metrics", b"/metrics/"):
            _send(writer, HTTPStatus.NOT_FOUND)
        elif words[0] not in (b"GET", b"HEAD"):
            _send(writer, HTTPStatus.METHOD_NOT_ALLOWED, b"", b"Allow: GET, HEAD\r\n")
        else:
            text = await self._exposition.text()
            more = b"Content-Type: %b\r\nCache-Control: no-store\r\n" % CONTENT_TYPE.encode()
            _send(writer, HTTPStatus.OK, text, more, with_body=words[0] == b"GET")


def _send(
    writer: StreamWriter, status: HTTPStatus, body: bytes = b"", headers: bytes = b"", with_body: bool = True
) -> None:
    head = b"HTTP/1.1 %d %b\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\nContent-Length: %d\r\n%b\r\n"
    writer.write(head % (status, status.phrase.encode(), len(body), headers) + (body if with_body else b""))
