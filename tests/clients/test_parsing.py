"""clients/godot as far as it can be checked without Godot: it parses, and its linter finds nothing."""

import subprocess
from pathlib import Path

import pytest

from tests.documents import ROOT


@pytest.mark.parametrize("command", [["gdparse"], ["gdlint"], ["gdformat", "--check", "--line-length", "120"]])
def test_gdscript(tools: Path, command: list[str]) -> None:
    done = subprocess.run(
        [str(tools / command[0]), *command[1:], "modepulse.gd"],
        cwd=ROOT / "clients" / "godot",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
