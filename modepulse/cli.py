"""The command `modepulse`. Its subcommands are the functions of modepulse/commands, of the same names; `keys` and
`inspect` have subcommands of their own."""

from collections.abc import Callable
from typing import Annotated

import typer

from app.contract.versions import own_version
from modepulse.commands import clients, inspect, keys, load, operations, processes
from modepulse.commands.config import config
from modepulse.commands.status import status

app = typer.Typer(
    help="Which multiplayer mode is most played in this area, right now?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
# Each command with an example, which its help ends with.
COMMANDS: dict[Callable[..., None], str] = {
    processes.dev: "modepulse dev --demo",
    processes.serve: "MODEPULSE_REDIS_URL=redis://10.0.0.7:6379/0 modepulse serve --host 0.0.0.0",
    processes.archive: "MODEPULSE_REDIS_URL=redis://... MODEPULSE_POSTGRES_DSN=postgresql://... modepulse archive",
    status: "modepulse status --json | jq .archive.lag_seconds",
    config: "modepulse config --changed",
    operations.verify: "modepulse verify --data-dir .modepulse",
    operations.rebuild: "modepulse rebuild --data-dir .modepulse",
    operations.erase: "modepulse erase ann --url http://127.0.0.1:8000",
    load.replay: "modepulse replay events.ndjson --speed 10",
    load.simulate: "modepulse simulate --rate 500 --duration 30 --seed 1",
}
CLIENTS: dict[Callable[..., None], str] = {
    clients.redis_cli: "modepulse redis-cli INFO memory",
    clients.psql: "modepulse psql -c 'SELECT count(*) FROM area_mode_events'",
}

for command, example in COMMANDS.items():
    app.command(epilog=f"Example: {example}")(command)

for command, example in CLIENTS.items():
    app.command(epilog=f"Example: {example}", context_settings=clients.PASSING_ON)(command)


app.add_typer(keys.app, name="keys")
app.add_typer(inspect.app, name="inspect")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"modepulse {own_version()}")
        raise typer.Exit


@app.callback(epilog="Example: scripts/run starts everything; `modepulse status` then says how it is.")
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Which multiplayer mode is most played in this area, right now?"""


def main() -> None:
    """The entry point of the script `modepulse`."""
    app()
