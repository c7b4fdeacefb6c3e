"""The command line as a whole: its help, its version, its completion."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from modepulse.cli import app
from tests.servers import modepulse


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its words."""
    for name, child in getattr(command, "commands", {}).items():
        yield (*path, name), child
        yield from commands(child, (*path, name))


COMMANDS = dict(commands(get_command(app)))
LEAVES = [path for path, command in COMMANDS.items() if not hasattr(command, "commands")]


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_help_ends_with_an_example_of_that_command(path: tuple[str, ...]) -> None:
    epilog = COMMANDS[path].epilog
    assert epilog.startswith("Example: ")
    assert f"modepulse {' '.join(path)}" in epilog
    for option in (word for word in epilog.split() if word.startswith("--")):
        assert option in [name for parameter in COMMANDS[path].params for name in parameter.opts], option


def test_help_of_all() -> None:
    done = modepulse("--help")
    assert done.returncode == 0
    for path in COMMANDS:
        assert path[0] in done.stdout
    for option in ("--version", "--install-completion", "--show-completion"):
        assert option in done.stdout


def test_version() -> None:
    assert modepulse("--version").stdout == f"modepulse {version('modepulse')}\n"


def test_completion_offers_the_commands() -> None:
    words = {"_MODEPULSE_COMPLETE": "complete_bash", "COMP_WORDS": "modepulse inspect ", "COMP_CWORD": "2"}
    script = Path(sys.executable).with_name("modepulse")
    done = subprocess.run([script], capture_output=True, text=True, env=os.environ | words, timeout=60)
    assert set(done.stdout.split()) >= {"area", "user", "log", "keys"}
