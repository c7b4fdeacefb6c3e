"""The commands that run until they are stopped: dev, serve, archive."""

import socket
from pathlib import Path
from typing import Annotated

import typer

from modepulse.commands.failure import fail
from modepulse.commands.options import DEFAULT_DATA_DIR, Host, Port
from modepulse.commands.settings import read_settings


def dev(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    data_dir: Annotated[Path, typer.Option(help="Folder of the data.")] = DEFAULT_DATA_DIR,
    demo: Annotated[bool, typer.Option("--demo", help="Simulate players, to have something to see.")] = False,
) -> None:
    """Start all of Modepulse on this machine: Redis, Postgres, archiver and API."""
    from modepulse.launcher.errors import LaunchError
    from modepulse.launcher.stack import Stack

    try:
        Stack(read_settings(), host, port, data_dir, demo).run()
    except LaunchError as error:
        fail(str(error), error.exit_code)


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    fd: Annotated[int | None, typer.Option(help="File descriptor of a listening socket to use instead.")] = None,
) -> None:
    """Run the API (needs MODEPULSE_REDIS_URL)."""
    from app import server
    from app.settings import SettingsError
    from modepulse.exposure import WAYS_OUT, lacks_key, needs_key

    settings = read_settings("redis_url")
    try:
        listener = server.bind(host, port) if fd is None else socket.socket(fileno=fd)
    except OSError as error:
        fail(f"cannot listen on {host} port {port}: {error.strerror}", 1)
    # While the stores cannot be asked, nobody gets in without a key, and with one as soon as they can.
    if needs_key(settings, listener) and lacks_key(settings):
        fail(f"others can reach {host if fd is None else 'this socket'} and there is no key: {WAYS_OUT}", 2)
    try:
        started = server.serve(settings, listener)
    except SettingsError as error:
        fail(str(error), 2)
    if not started:
        raise typer.Exit(2)


def archive() -> None:
    """Run the archiver (needs MODEPULSE_REDIS_URL and MODEPULSE_POSTGRES_DSN)."""
    from archiver.__main__ import main

    raise typer.Exit(main(read_settings("redis_url", "postgres_dsn")))
