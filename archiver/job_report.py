"""What the leading archiver says of its jobs, in the table archiver_jobs: who leads, and when each last succeeded."""

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.contract.postgres import Connection
from app.contract.sql import load_sql
from app.contract.versions import own_version
from archiver.postgres import connect

# Of an error's message: some are pages long.
MAX_ERROR = 200

REPORT_JOB = load_sql("archiver", "report_job")


@dataclass
class _Job:
    every: float
    succeeded_at: float | None = None
    failing_since: float | None = None
    error: str | None = None


class JobReport:
    """Kept in memory, and written by `write` over a connection of its own. Times are those of `clock`, in seconds."""

    def __init__(self, dsn: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._dsn = dsn
        self._clock = clock
        self._jobs: dict[str, _Job] = {}
        self._connection: Connection | None = None
        self._archiver = f"{socket.gethostname()}:{os.getpid()}"

    def succeeded(self, job: str, every: float) -> None:
        """To be called after a run, `every` seconds before the next."""
        self._jobs[job] = _Job(every, self._clock())

    def failed(self, job: str, every: float, error: BaseException) -> None:
        """To be called after a run that failed."""
        noted = self._jobs.setdefault(job, _Job(every))
        noted.failing_since = self._clock() if noted.failing_since is None else noted.failing_since
        message = str(error).strip().partition("\n")[0]
        noted.error = f"{type(error).__name__}: {message}"[:MAX_ERROR] if message else type(error).__name__

    async def write(self) -> None:
        """Raises Postgres's errors."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._dsn)
        now = self._clock()
        rows = [
            (
                *(name, self._archiver, own_version(), job.every),
                *(_age(job.succeeded_at, now), _age(job.failing_since, now), job.error),
            )
            for name, job in sorted(self._jobs.items())
        ]
        try:
            await self._connection.executemany(REPORT_JOB, rows)
        except BaseException:
            self.close()  # it may be in the middle of anything
            raise

    def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None


def _age(at: float | None, now: float) -> float | None:
    return None if at is None else max(0.0, now - at)
