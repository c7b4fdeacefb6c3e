"""From the release before to this one, back, and on again, on one data directory; each with its own packages."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from modepulse.launcher.child_process import child_setup
from tests.conftest import SAME_ON_EVERY_SERVER
from tests.documents import ROOT
from tests.http_client import log_ins, post, stats
from tests.ports import unused_port

# The last commit of main that operators have.
RELEASE = "0ee059a16a453c06c6c1d88f743e428747600361"
EVENTS = 5000


@pytest.fixture
def former(tmp_path: Path) -> Path:
    """The release before, installed in a folder."""
    archive = subprocess.run(["git", "archive", RELEASE], cwd=ROOT, capture_output=True)
    if archive.returncode:
        pytest.skip(f"{RELEASE} is not in this clone")
    folder = tmp_path / "former"
    folder.mkdir()
    subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
    subprocess.run([folder / "scripts" / "install"], check=True, timeout=300)
    return folder


@contextmanager
def running(version: Path, data: Path) -> Iterator[str]:
    """A version on a data directory; yields its address. It has to stop in order."""
    modepulse, port = version / ".venv" / "bin" / "modepulse", unused_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MODEPULSE_")}
    process = subprocess.Popen(
        [modepulse, "dev", "--port", str(port), "--data-dir", data],
        cwd=version, env=clean, stdout=subprocess.PIPE, text=True, preexec_fn=child_setup(signal.SIGTERM),
    )  # fmt: skip
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == f"ready http://127.0.0.1:{port}\n"
        yield f"http://127.0.0.1:{port}"
        verify = subprocess.run([modepulse, "verify", "--data-dir", data], cwd=version, capture_output=True, text=True)
        assert verify.returncode == 0, verify.stdout + verify.stderr
        process.terminate()
        assert process.wait(40) == 0


@SAME_ON_EVERY_SERVER
def test_upgrade_roll_back_and_upgrade(redis_name: str, former: Path, tmp_path: Path) -> None:
    for round_number, version in enumerate((former, ROOT, former, ROOT), 1):
        with running(version, tmp_path / "data") as url, httpx2.Client(base_url=url, timeout=30) as http:
            post(http, *log_ins("1", "duel", EVENTS, first=EVENTS * round_number))
            assert stats(http, 1) == {"1": [{"multiplayer_mode": "duel", "count": EVENTS * round_number}]}
