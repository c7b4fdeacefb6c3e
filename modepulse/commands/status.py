"""The command that says how the service is."""

import asyncio
import json
import sys
from typing import Annotated

import typer

from modepulse.commands.options import DEFAULT_DATA_DIR, AsJson, RunningDataDir
from modepulse.commands.settings import read_settings_for_status

WATCH_SECONDS = 1.0
CLEAR = "\033[H\033[2J"


def status(
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, a reading every few seconds; Ctrl-C ends it.")] = False,
    url: Annotated[
        str, typer.Option(help="Address of the API to ask; default: that of the running `modepulse dev`.")
    ] = "",
    data_dir: RunningDataDir = DEFAULT_DATA_DIR,
) -> None:
    """Show whether events are taken or why not, and how stores and archiver are.

    Exit code: 0 all is well, 1 events are not taken, 2 wrong settings, 3 events are taken but something needs
    attention.
    """
    from modepulse.status.screen import screen
    from modepulse.status.status import Status, read_status

    settings, running = read_settings_for_status(data_dir)
    url = url or running

    def show(found: Status) -> None:
        text = json.dumps(found.to_json(), indent=None if watch else 2) if as_json else screen(found)
        cleared = watch and not as_json and sys.stdout.isatty()
        print(f"{CLEAR}{text}" if cleared else text, flush=True)

    async def run() -> int:
        while True:
            found = await read_status(settings, url)
            show(found)
            if not watch:
                return found.verdict
            await asyncio.sleep(WATCH_SECONDS)
            if not as_json and not sys.stdout.isatty():
                print()

    try:
        raise typer.Exit(asyncio.run(run()))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
