"""The command `modepulse`."""

import json
import random
import socket
import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from app.settings import Settings, SettingsError

app = typer.Typer(
    help="Which multiplayer mode is most played in this area, right now?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on; 0 for any free one.", min=0, max=65535)]
Url = Annotated[str, typer.Option(help="Where Modepulse answers.")]


@app.command()
def dev(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    data_dir: Annotated[Path, typer.Option(help="Where the data lies.")] = Path(".modepulse"),
) -> None:
    """Start all of Modepulse on this machine: Redis, Postgres, archiver and API."""
    from modepulse.dev import Supervisor
    from modepulse.servers import ServerError

    try:
        Supervisor(_settings(), host, port, data_dir).run()
    except ServerError as error:
        _fail(str(error), error.exit_code)


@app.command()
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    fd: Annotated[int | None, typer.Option(help="A listening socket to take over instead.")] = None,
) -> None:
    """Run the API (needs MODEPULSE_REDIS_URL)."""
    from app import server

    settings = _settings("redis_url")
    try:
        listener = server.bind(host, port) if fd is None else socket.socket(fileno=fd)
    except OSError as error:
        _fail(f"cannot listen on {host} port {port}: {error.strerror}", 1)
    if not server.serve(settings, listener):
        raise typer.Exit(2)


@app.command()
def archive() -> None:
    """Run the archiver (needs MODEPULSE_REDIS_URL and MODEPULSE_POSTGRES_DSN)."""
    from archiver.__main__ import main as archive_main

    raise typer.Exit(archive_main(_settings("redis_url", "postgres_dsn")))


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="NDJSON, or CSV with a header line; one event a line.")],
    url: Url = "http://127.0.0.1:8000",
    speed: Annotated[
        float,
        typer.Option(
            help="Re-time history onto now, so many times as fast; 0: as fast as possible, with the server's time.",
            min=0,
        ),
    ] = 0,
) -> None:
    """Post a file of events."""
    from modepulse.client import PostFailed
    from modepulse.replay import BadInput
    from modepulse.replay import replay as run

    start = time.monotonic()
    try:
        total = run(file, url, speed).total
    except (BadInput, PostFailed) as error:
        _fail(str(error), 1)
    print(f"{total.accepted} events accepted, {total.applied} applied, in {time.monotonic() - start:.1f} s")


@app.command()
def simulate(
    url: Url = "http://127.0.0.1:8000",
    rate: Annotated[float, typer.Option(help="Events a second.", min=0.1)] = 100,
    users: Annotated[int, typer.Option(help="Players at a time.", min=1)] = 1000,
    areas: Annotated[int, typer.Option(help="Areas, unequally popular.", min=1)] = 20,
    duration: Annotated[float, typer.Option(help="Seconds.", min=0)] = 60,
    seed: Annotated[int | None, typer.Option(help="The same seed makes the same events.", min=0)] = None,
) -> None:
    """Play: users arrive, play, switch mode, leave or crash. Prints what the counts must be, as JSON."""
    from modepulse.client import PostFailed
    from modepulse.simulate import World
    from modepulse.simulate import simulate as run

    lease = _settings().session_lease_seconds
    seed = random.randrange(1_000_000) if seed is None else seed
    print(f"modepulse: seed {seed}", file=sys.stderr)
    try:
        counts = run(url, World(seed, users, areas, lease), rate, duration)
    except PostFailed as error:
        _fail(str(error), 1)
    print(json.dumps(counts, indent=2))


def _settings(*needed: str) -> Settings:
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        _fail(str(error), 2)
    for name in needed:
        if not getattr(settings, name):
            _fail(f"MODEPULSE_{name.upper()} is not set", 2)
    return settings


def _fail(message: str, code: int) -> NoReturn:
    print(f"modepulse: {message}", file=sys.stderr)
    raise typer.Exit(code)


def main() -> None:
    app()
