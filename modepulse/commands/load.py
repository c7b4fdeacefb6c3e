"""The commands that send events: replay, simulate."""

import json
import random
import time
from pathlib import Path
from typing import Annotated

import typer

from modepulse.commands.failure import fail
from modepulse.commands.options import DEFAULT_DATA_DIR, RunningDataDir, Url
from modepulse.commands.settings import read_settings, read_settings_for_postgres
from modepulse.commands.stores import run_with_stores
from modepulse.notice import notice


def replay(
    file: Annotated[Path, typer.Argument(help="NDJSON, or CSV with a header line; one event a line.")],
    url: Url = "http://127.0.0.1:8000",
    speed: Annotated[
        float,
        typer.Option(
            help="Play history from now on, this many times as fast as it happened; "
            "0: as fast as possible, with the server's time.",
            min=0,
        ),
    ] = 0,
) -> None:
    """Post a file of events."""
    from modepulse.client import Client, PostFailed
    from modepulse.replay import BadInput
    from modepulse.replay import replay as run

    start = time.monotonic()
    try:
        totals = run(file, Client(url, read_settings().api_key), speed)
    except (BadInput, PostFailed) as error:
        fail(str(error), 1)
    print(f"{totals.accepted} events accepted, {totals.applied} applied, in {time.monotonic() - start:.1f} s")


def simulate(
    url: Url = "http://127.0.0.1:8000",
    rate: Annotated[float, typer.Option(help="Events a second.", min=0.1)] = 100,
    users: Annotated[int, typer.Option(help="Players at a time.", min=1)] = 1000,
    areas: Annotated[int, typer.Option(help="Areas, unequally popular.", min=1)] = 20,
    duration: Annotated[float, typer.Option(help="Seconds.", min=0)] = 60,
    seed: Annotated[int | None, typer.Option(help="The same seed makes the same events.", min=0)] = None,
    crashes: Annotated[
        float, typer.Option(help="Of what playing users do next, the share that are crashes.", min=0, max=0.4)
    ] = 0.1,
    head_start: Annotated[float, typer.Option(help="Seconds whose events are posted at once.", min=0)] = 0,
    to_postgres: Annotated[
        bool, typer.Option("--to-postgres", help="Write a history into the archive instead; the live state stays.")
    ] = False,
    events: Annotated[int, typer.Option(help="With --to-postgres: about how many events.", min=1)] = 10_000_000,
    days: Annotated[int, typer.Option(help="With --to-postgres: how many days back from now.", min=1)] = 30,
    data_dir: RunningDataDir = DEFAULT_DATA_DIR,
) -> None:
    """Simulate users who arrive, play, switch mode, leave or crash. Prints the counts to be expected, as JSON."""
    from modepulse.client import Client, PostFailed
    from modepulse.simulate import World
    from modepulse.simulate import simulate as run

    settings = read_settings()
    seed = random.randrange(1_000_000) if seed is None else seed
    notice(f"seed {seed}")
    world = World(seed, users, areas, settings.session_lease_seconds, crashes)
    if to_postgres:
        from modepulse.backfill import backfill

        start = time.monotonic()
        dsn = read_settings_for_postgres(data_dir).postgres_dsn
        written = run_with_stores(backfill(dsn, world, events, days))
        print(f"{written} events of {days} days written in {time.monotonic() - start:.0f} s")
        return
    try:
        counts = run(Client(url, settings.api_key), world, rate, duration, head_start)
    except PostFailed as error:
        fail(str(error), 1)
    print(json.dumps(counts, indent=2))
