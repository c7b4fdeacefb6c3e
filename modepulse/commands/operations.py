"""The commands of an operator: verify, rebuild, erase."""

from typing import Annotated

import typer

from modepulse.commands.failure import fail
from modepulse.commands.options import DEFAULT_DATA_DIR, RunningDataDir
from modepulse.commands.settings import read_run, read_settings, read_settings_for_stores
from modepulse.commands.stores import run_with_redis


def verify(data_dir: RunningDataDir = DEFAULT_DATA_DIR) -> None:
    """Compare counters, sessions, log and Postgres at one moment; exit 1 if anything differs."""
    from archiver.errors import NotSettled
    from archiver.verify import verify as run
    from modepulse.progress import progress
    from modepulse.verdict_text import count, explained

    settings = read_settings_for_stores(data_dir)
    with progress() as bar:
        task = bar.add_task("sessions", total=None)
        try:
            verdict = run_with_redis(
                settings, lambda redis: run(settings, redis, lambda n: bar.update(task, completed=n))
            )
        except NotSettled as error:
            fail(str(error), 1)
    for line in verdict.differences:
        print(line)
    if verdict.differences:
        found = count(len(verdict.differences), "difference")
        fail(f"{found}; if Postgres is right, `modepulse rebuild` makes the live state anew from it", 1)
    for line in explained(verdict):
        print(line)


def rebuild(data_dir: RunningDataDir = DEFAULT_DATA_DIR) -> None:
    """Rebuild the live state from Postgres alone; nothing is emptied before that has succeeded."""
    from archiver.errors import Busy
    from archiver.rebuild import rebuild as run
    from modepulse.progress import progress

    settings = read_settings_for_stores(data_dir)
    with progress() as bar:
        task = bar.add_task("sessions", total=None)
        try:
            sessions = run_with_redis(
                settings, lambda redis: run(settings, redis, lambda n: bar.update(task, completed=n))
            )
        except Busy:
            fail("the live state is being rebuilt already", 1)
    print(f"{sessions} sessions rebuilt")


def erase(
    user_id: Annotated[str, typer.Argument(help="The user to forget.")],
    url: Annotated[str, typer.Option(help="Address of the API; default: that of the running `modepulse dev`.")] = "",
    data_dir: RunningDataDir = DEFAULT_DATA_DIR,
) -> None:
    """Forget a user: end the sessions, replace the name in all history. Cannot be undone; safe to repeat."""
    from modepulse.client import EraseFailed
    from modepulse.client import erase as run
    from modepulse.launcher.data_directory import DataDirectory

    token = read_settings().admin_token
    url = url or read_run(data_dir, "--url is not set")["url"]
    try:
        token = token or DataDirectory(data_dir).read_admin_token()
    except OSError:
        fail(f"MODEPULSE_ADMIN_TOKEN is not set and {data_dir} is not a data directory of `modepulse dev`", 2)
    try:
        sessions, events = run(url, token, user_id)
    except EraseFailed as error:
        fail(str(error), 1)
    print(f"{sessions} sessions ended, {events} events erased")
