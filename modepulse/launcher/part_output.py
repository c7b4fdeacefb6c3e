"""What the parts of the stack print: where it goes, and the last line of a part that has ended."""

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Protocol

# The end of a log in which the last lines are looked for.
TAIL_BYTES = 65_536
# How long the end of an ended part's output may take to arrive.
ECHO_SECONDS = 1.0
# Lines in which a server says why it ends; what follows says only that it does.
_REASON = re.compile(r"\b(?:FATAL|PANIC|Fatal error|FATAL CONFIG FILE ERROR)\b")


class PartOutput(Protocol):
    """Of one part, through all its starts."""

    def opened(self, after_failure: bool) -> AbstractContextManager[IO[bytes]]:
        """The file for the next start's stdout and stderr; `after_failure`: the start before has failed."""

    def last_line(self) -> str:
        """Of the latest start; empty if there was none."""


class LogFile:
    """The output is appended to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start = 0

    @contextmanager
    def opened(self, after_failure: bool) -> Iterator[IO[bytes]]:
        """As in PartOutput. Raises OSError."""
        with self._path.open("ab") as file:
            self._start = file.tell()
            yield file

    def last_line(self) -> str:
        """As in PartOutput."""
        try:
            with self._path.open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(self._start, end - TAIL_BYTES))
                return _last_line(file.read())
        except OSError:
            return ""


class Stderr:
    """The output goes to this process's stderr.

    As a rule a part writes there itself, and nothing stands between. A start that follows a failed one is read and
    passed on, as its last line may be needed.
    """

    def __init__(self) -> None:
        self._tail = b""
        self._echo: threading.Thread | None = None

    @contextmanager
    def opened(self, after_failure: bool) -> Iterator[IO[bytes]]:
        """As in PartOutput."""
        if not after_failure:
            yield sys.stderr.buffer
            return
        read, write = os.pipe()
        self._tail = b""
        self._echo = threading.Thread(target=self._pass_on, args=(read,), daemon=True)
        self._echo.start()
        with os.fdopen(write, "wb") as file:
            yield file

    def _pass_on(self, read: int) -> None:
        with os.fdopen(read, "rb", buffering=0) as source:
            while some := source.read(TAIL_BYTES):
                self._tail = (self._tail + some)[-TAIL_BYTES:]
                sys.stderr.buffer.write(some)
                sys.stderr.buffer.flush()

    def last_line(self) -> str:
        """As in PartOutput."""
        if self._echo is not None:
            self._echo.join(ECHO_SECONDS)
        return _last_line(self._tail)


def _last_line(text: bytes) -> str:
    """The last line that gives a reason, else the last one."""
    lines = [line.strip() for line in text.decode("utf-8", "replace").splitlines() if line.strip()]
    reasons = [line for line in lines if _REASON.search(line)]
    return (reasons or lines or [""])[-1]
