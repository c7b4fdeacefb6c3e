"""Runs the application on uvicorn."""

import resource
import socket
from dataclasses import replace
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from app import logs
from app.access.client_address import TrustedProxies
from app.access.exposure import is_loopback
from app.application import create_app
from app.contract import tracing
from app.live.broadcast import Hub
from app.occupancy import Occupancy
from app.settings import Settings, traces_exporters
from app.start_line import log_start
from app.traced_requests import TracedRequests
from app.transport import refusals
from app.transport.protocol import UNSENT_BYTES, HttpProtocol, Limits

BACKLOG = 2048
# A connection whose client takes nothing for this long is ended, or it would hold its buffers for ever.
STALLED_SECONDS = 60
GRACE_SECONDS = 10
# Of this process, that are no connections of clients: logs, stores, libraries.
OTHER_FILES = 128
# Where the settings leave it open.
CONNECTIONS_PER_ADDRESS = 256
LISTENERS_PER_ADDRESS = 128


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
    settings = resolved(settings, listener)
    application = create_app(settings, is_loopback(listener))
    if tracer := tracing.start(traces_exporters(), "modepulse-api"):
        application = TracedRequests(application, tracer)
    try:
        return run(application, listener, settings)
    finally:
        tracing.stop()


def resolved(settings: Settings, listener: socket.socket) -> Settings:
    """With numbers for the limits that are automatic, 0 for none: this machine's own clients are one address."""
    if is_loopback(listener):
        return settings
    return replace(
        settings,
        connections_per_address=settings.connections_per_address or CONNECTIONS_PER_ADDRESS,
        listeners_per_address=settings.listeners_per_address or LISTENERS_PER_ADDRESS,
    )


def _allow_connections() -> int:
    """Raises the limit of open files as far as it goes; returns how many connections that leaves room for."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return max(1, most - OTHER_FILES)


class Server(uvicorn.Server):
    """Says what it serves when it starts, and knows that streams have no end of their own."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Serves from here on."""
        await super().startup(sockets)
        if self.started and sockets and "monitor" in self.lifespan.state:
            await log_start(self.lifespan.state, sockets[0])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends the streams, then waits for what is in flight."""
        for part in self.lifespan.state.values():
            if isinstance(part, Hub):
                part.close()
        await super().shutdown(sockets)


def run(application: ASGIApp, listener: socket.socket, settings: Settings) -> bool:
    """Runs an application as the service is run."""
    most = _allow_connections()
    connections = Occupancy(
        min(settings.max_connections or most, most),
        settings.connections_per_address,
        refusals.connections_full,
        refusals.too_many_connections,
        TrustedProxies(settings.trusted_proxies).is_trusted,
    )
    limits = Limits(settings.max_header_bytes, settings.header_timeout_seconds, connections)
    protocol: Any = partial(HttpProtocol, limits)
    config = uvicorn.Config(
        application,
        loop="uvloop",
        http=protocol,
        ws="none",
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
