"""The command `modepulse`. Its subcommands are the functions of modepulse/commands, of the same names; `keys` has
subcommands of its own."""

import typer

from modepulse.commands import clients, keys, load, operations, processes

app = typer.Typer(
    help="Which multiplayer mode is most played in this area, right now?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for command in (
    processes.dev,
    processes.serve,
    processes.archive,
    operations.verify,
    operations.rebuild,
    operations.erase,
    load.replay,
    load.simulate,
):
    app.command()(command)

for command in (clients.redis_cli, clients.psql):
    app.command(context_settings=clients.PASSING_ON)(command)

app.add_typer(keys.app, name="keys")


def main() -> None:
    """The entry point of the script `modepulse`."""
    app()
