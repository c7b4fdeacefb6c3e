"""How the launcher says what happens: for a person at a terminal, for programs elsewhere."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings import Settings
from modepulse.launcher import report as module
from modepulse.launcher.errors import LaunchError
from modepulse.launcher.report import configure, report


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What it changes in this process is put back."""
    monkeypatch.setattr(module, "_as_json", False)
    monkeypatch.setattr(module, "_as_text", False)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def said(monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO, settings: Settings) -> str:
    monkeypatch.setattr(sys, "stderr", stderr)
    configure(settings)
    report("api ended; starting it again", logging.WARNING, part="api")
    return stderr.getvalue()


def test_person_reads_text(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, Terminal(), Settings()) == "modepulse: api ended; starting it again\n"


def test_program_reads_json(monkeypatch: pytest.MonkeyPatch) -> None:
    line = json.loads(said(monkeypatch, io.StringIO(), Settings()))
    assert (line["level"], line["action"], line["part"]) == ("warning", "launch", "api")
    assert line["message"] == "api ended; starting it again"


def test_log_file_gets_json_and_the_person_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "log"
    assert said(monkeypatch, io.StringIO(), Settings(log_file=str(file))).startswith("modepulse: api ended")
    assert json.loads(file.read_text())["part"] == "api"


def test_log_file_that_cannot_be_written_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="MODEPULSE_LOG_FILE cannot be written") as refused:
        configure(Settings(log_file=str(tmp_path)))
    assert refused.value.exit_code == 2
