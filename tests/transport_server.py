"""An application on a socket, by the protocol of the service, and clients that send bytes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any

import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from app.occupancy import Occupancy
from app.transport import refusals
from app.transport.protocol import HttpProtocol, Limits

GET = b"GET /g HTTP/1.1\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nConnection: close\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
HEADER_BYTES = 16_384


def on_uvloop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs it on the loop of the service, whose transports are its own."""

    @wraps(test)
    def run(**arguments: Any) -> None:
        uvloop.run(test(**arguments))

    return run


class Application:
    """Answers with method, path and body; keeps the answer to /wait back until it is released."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.left: list[str] = []
        self.release = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while scope["path"] != "/unread":
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left.append(scope["path"])
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.taken.append(scope["path"])
        if scope["path"] == "/wait":
            await self.release.wait()
        answer = f"<{scope['method']} {scope['path']} {len(body)}>".encode()
        headers = [(b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


class Client:
    """One connection to it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def rest(self) -> bytes:
        """All answers until the server ends the connection."""
        async with asyncio.timeout(10):
            return await self.reader.read()


class Served:
    """The application on a socket, by the product's protocol."""

    def __init__(self, port: int, application: Application, connections: list[HttpProtocol]) -> None:
        self.port, self.application, self.connections = port, application, connections

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Client(reader, writer)
        finally:
            writer.close()

    async def answers(self, *parts: bytes, end: bool = False) -> bytes:
        """All that comes back for these, sent on one connection; `end`: nothing more will be sent."""
        async with self.client() as client:
            for part in parts:
                client.send(part)
                await asyncio.sleep(0.01)
            if end:
                client.writer.write_eof()
            return await client.rest()


@asynccontextmanager
async def serving(header_seconds: float = 30, most_per_address: int = 0) -> AsyncIterator[Served]:
    application, connections = Application(), []
    config = uvicorn.Config(application, log_config=None, access_log=False, lifespan="off", ws="none")
    config.load()
    full, crowded = refusals.connections_full, refusals.too_many_connections
    limits = Limits(HEADER_BYTES, header_seconds, Occupancy(0, most_per_address, full, crowded))
    state = ServerState()

    def connection() -> HttpProtocol:
        connections.append(HttpProtocol(limits, config=config, server_state=state, app_state={}))
        return connections[-1]

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    try:
        yield Served(server.sockets[0].getsockname()[1], application, connections)
    finally:
        server.close()
        for one in connections:
            one.transport.abort()
        await asyncio.sleep(0)


def is_problem(answers: bytes, status: int, code: str) -> bool:
    """Whether the last of these answers is that problem, and says that the connection ends."""
    head, _, body = answers[answers.rindex(b"HTTP/1.1 ") :].partition(b"\r\n\r\n")
    return (
        head.startswith(b"HTTP/1.1 %d " % status)
        and b"connection: close" in head
        and b"application/problem+json" in head
        and b'"code":"%b"' % code.encode() in body
    )


def taken(answers: bytes) -> list[str]:
    """What was answered, in order."""
    return [part.split(b">")[0].decode() for part in answers.split(b"<")[1:]]


async def eventually(condition: Callable[[], Any]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never was so")
