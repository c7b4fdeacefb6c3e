"""Runs the application on uvicorn."""

import socket

import uvicorn
from starlette.types import ASGIApp

from app import logs
from app.application import create_app
from app.settings import Settings

BACKLOG = 2048
GRACE_SECONDS = 10


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError when the address cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def serve(settings: Settings, listener: socket.socket) -> bool:
    """Serves until SIGINT or SIGTERM, then answers what is in flight. Returns whether it had started."""
    logs.configure(settings)
    return run(create_app(settings), listener)


def run(application: ASGIApp, listener: socket.socket) -> bool:
    """Runs an application as the service is run."""
    config = uvicorn.Config(
        application,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=65,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
    return server.started
