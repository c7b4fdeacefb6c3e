"""Runs the application on uvicorn."""

import asyncio
import resource
import socket

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app import logs
from app.access.exposure import is_loopback
from app.application import create_app
from app.live.broadcast import Hub
from app.settings import Settings

BACKLOG = 2048
# How much of an unsent response this process and the kernel each hold: a slow client has to read the old frames in it
# first. By default they hold 64 kB and up to 4 MB.
UNSENT_BYTES = 16_384
# A connection whose client takes nothing for this long is ended, or it would hold its buffers for ever.
STALLED_SECONDS = 60
GRACE_SECONDS = 10


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError when the address cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # On Linux connections inherit these from their listener.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_SECONDS * 1000)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def serve(settings: Settings, listener: socket.socket) -> bool:
    """Serves until SIGINT or SIGTERM, then answers what is in flight. Returns whether it had started."""
    logs.configure(settings)
    _allow_connections()
    return run(create_app(settings, is_loopback(listener)), listener)


def _allow_connections() -> None:
    """As many as the system permits: each listener keeps one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Protocol(HttpToolsProtocol):
    """Buffers little for a client that does not read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=UNSENT_BYTES)


class Server(uvicorn.Server):
    """Knows that streams have no end of their own."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends the streams, then waits for what is in flight."""
        for part in self.lifespan.state.values():
            if isinstance(part, Hub):
                part.close()
        await super().shutdown(sockets)


def run(application: ASGIApp, listener: socket.socket) -> bool:
    """Runs an application as the service is run."""
    config = uvicorn.Config(
        application,
        loop="uvloop",
        http=Protocol,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        # Otherwise uvicorn believes X-Forwarded-For of every local client; app.access.client_address knows better.
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=65,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = Server(config)
    server.run(sockets=[listener])
    return server.started
