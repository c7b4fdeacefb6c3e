"""The command `modepulse`."""

import asyncio
import json
import random
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import asyncpg
import typer
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.contract.connection import connect
from app.settings import Settings, SettingsError

T = TypeVar("T")

app = typer.Typer(
    help="Which multiplayer mode is most played in this area, right now?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on; 0 for any free one.", min=0, max=65535)]
RunData = Annotated[Path, typer.Option(help="Data directory of the `modepulse dev` to look at, unless URLs are set.")]
Url = Annotated[str, typer.Option(help="Where Modepulse answers.")]


@app.command()
def dev(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    data_dir: Annotated[Path, typer.Option(help="Where the data lies.")] = Path(".modepulse"),
    demo: Annotated[bool, typer.Option("--demo", help="Let simulated players play, to have something to see.")] = False,
) -> None:
    """Start all of Modepulse on this machine: Redis, Postgres, archiver and API."""
    from modepulse.launcher.servers import ServerError
    from modepulse.launcher.supervisor import Supervisor

    try:
        Supervisor(_settings(), host, port, data_dir, demo).run()
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
def verify(data_dir: RunData = Path(".modepulse")) -> None:
    """Compare counters, sessions, log and Postgres at one moment; exit 1 if anything differs."""
    from archiver.errors import NotSettled
    from archiver.verify import verify as run

    settings = _running(data_dir)
    try:
        verdict = _with_redis(settings, lambda redis: run(settings, redis))
    except NotSettled as error:
        _fail(str(error), 1)
    for line in verdict.differences:
        print(line)
    if verdict.differences:
        _fail(f"{len(verdict.differences)} differences", 1)
    print(
        f"counters, sessions, log and Postgres agree: {verdict.live} players in GET /stats;"
        f" archived {verdict.aggregate} in area_mode_events_agg, {verdict.deltas} by the sum of deltas"
    )


@app.command()
def rebuild(data_dir: RunData = Path(".modepulse")) -> None:
    """Make the live state anew from Postgres alone; nothing is emptied before that has succeeded."""
    from archiver.errors import Busy
    from archiver.rebuild import rebuild as run
    from modepulse.progress import progress

    settings = _running(data_dir)
    with progress() as bar:
        task = bar.add_task("sessions", total=None)
        try:
            sessions = _with_redis(
                settings, lambda redis: run(settings, redis, lambda n: bar.update(task, completed=n))
            )
        except Busy:
            _fail("the live state is being rebuilt already", 1)
    print(f"{sessions} sessions rebuilt")


@app.command()
def erase(
    user_id: Annotated[str, typer.Argument(help="The user to forget.")],
    url: Annotated[str, typer.Option(help="Where Modepulse answers; else the `modepulse dev` of the data dir.")] = "",
    data_dir: RunData = Path(".modepulse"),
) -> None:
    """Forget a user: end the sessions, replace the name in all history. Cannot be undone; safe to repeat."""
    from modepulse.client import EraseFailed
    from modepulse.client import erase as run
    from modepulse.launcher.supervisor import ADMIN_TOKEN

    token = _settings().admin_token
    url = url or _run_json(data_dir, "--url is not set")["url"]
    try:
        token = token or (data_dir / ADMIN_TOKEN).read_text().strip()
    except OSError:
        _fail(f"MODEPULSE_ADMIN_TOKEN is not set and {data_dir} is not a data directory of `modepulse dev`", 2)
    try:
        sessions, events = run(url, token, user_id)
    except EraseFailed as error:
        _fail(str(error), 1)
    print(f"{sessions} sessions ended, {events} events erased")


def _running(data_dir: Path) -> Settings:
    """The settings, with the addresses of the `modepulse dev` that uses the data directory where none are set."""
    settings = _settings()
    if settings.redis_url and settings.postgres_dsn:
        return settings
    run = _run_json(data_dir, "MODEPULSE_REDIS_URL and MODEPULSE_POSTGRES_DSN are not set")
    return replace(
        settings,
        redis_url=settings.redis_url or run["redis_url"],
        postgres_dsn=settings.postgres_dsn or run["postgres_dsn"],
    )


def _run_json(data_dir: Path, why: str) -> dict[str, Any]:
    """What the `modepulse dev` of a data directory says about itself; fails when none runs."""
    try:
        run: dict[str, Any] = json.loads((data_dir / "run.json").read_text())
    except (OSError, ValueError):
        _fail(f"{why} and nothing runs on {data_dir}", 2)
    return run


def _with_redis(settings: Settings, job: Callable[[Redis], Coroutine[Any, Any, T]]) -> T:
    async def run() -> T:
        redis = connect(settings, seconds=60)
        try:
            return await job(redis)
        finally:
            await redis.aclose()

    return _with_stores(run())


def _with_stores(job: Coroutine[Any, Any, T]) -> T:
    from archiver.errors import EditedMigration

    try:
        return asyncio.run(job)
    except EditedMigration as error:
        _fail(str(error), 2)
    except (RedisError, asyncpg.PostgresError, OSError, TimeoutError) as error:
        _fail(f"a store does not answer: {type(error).__name__}: {error}", 1)


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
    to_postgres: Annotated[
        bool, typer.Option("--to-postgres", help="Write a history into the archive instead; nothing of it stays live.")
    ] = False,
    events: Annotated[int, typer.Option(help="With --to-postgres: events, about.", min=1)] = 10_000_000,
    days: Annotated[int, typer.Option(help="With --to-postgres: days back from now.", min=1)] = 30,
    data_dir: RunData = Path(".modepulse"),
) -> None:
    """Play: users arrive, play, switch mode, leave or crash. Prints what the counts must be, as JSON."""
    from modepulse.client import PostFailed
    from modepulse.simulate import World
    from modepulse.simulate import simulate as run

    lease = _settings().session_lease_seconds
    seed = random.randrange(1_000_000) if seed is None else seed
    print(f"modepulse: seed {seed}", file=sys.stderr)
    world = World(seed, users, areas, lease)
    if to_postgres:
        from modepulse.backfill import backfill

        start = time.monotonic()
        dsn = _settings().postgres_dsn or _run_json(data_dir, "MODEPULSE_POSTGRES_DSN is not set")["postgres_dsn"]
        written = _with_stores(backfill(dsn, world, events, days))
        print(f"{written} events of {days} days written in {time.monotonic() - start:.0f} s")
        return
    try:
        counts = run(url, world, rate, duration)
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
