"""A newcomer's minute: README.md as it stands there, from `git clone` to the page in a browser."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Window
from tests.code_blocks import code_blocks
from tests.documents import ROOT, text
from tests.ports import unused_port
from tests.terminal import Terminal

# The packages are downloaded and unpacked.
INSTALL_SECONDS = 240


def repository(folder: Path) -> Path:
    """A repository of the files as they are now, committed or not."""
    listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True)
    for name in listed.splitlines():
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git = ["git", "-c", "user.name=newcomer", "-c", "user.email=newcomer@example.com"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "--no-verify", "-m", "All"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    return folder


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no clone")
def test_from_the_clone_to_the_first_picture(tmp_path: Path, window: Window) -> None:
    port = unused_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MODEPULSE_", "PG", "VIRTUAL"))}
    replaced = {
        "<this repository>": str(repository(tmp_path / "repository")),
        "scripts/run --demo": f"scripts/run --demo --port {port}",
        "modepulse replay": f"modepulse replay --url http://127.0.0.1:{port}",
        "localhost:8000": f"localhost:{port}",
    }
    home = tmp_path / "home"
    home.mkdir()
    with Terminal(home, clean | {"PYTHON": sys._base_executable}, replaced) as shell:  # type: ignore[attr-defined]
        for block in code_blocks(text("README.md")):
            for step in block.steps():
                shell.run(step, INSTALL_SECONDS if step.stays else 30)
                if step.stays:
                    page = window.open(f"http://127.0.0.1:{port}")
                    expect(page.locator("#status")).to_have_text("Live")
                    expect(page.locator(".areas li").nth(5)).to_be_visible()
                    assert len(page.screenshot()) > 20_000
                    window.close()
