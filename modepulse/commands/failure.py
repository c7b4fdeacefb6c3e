"""How a command fails: one line on stderr, and an exit code."""

from typing import NoReturn

import typer

from modepulse.notice import notice


def fail(message: str, code: int) -> NoReturn:
    """Ends the command. Exit code 2 is for what the user has to change (arguments, settings), 1 for all else."""
    notice(message)
    raise typer.Exit(code)
