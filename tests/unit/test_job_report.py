"""What the archiver reports of its jobs; what becomes of it in Postgres is tested in tests/integration."""

from typing import Any

import pytest

from archiver import job_report
from archiver.job_report import MAX_ERROR, JobReport


class Connection:
    """Keeps the rows that it is given."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.error: Exception | None = None
        self.closed = False

    async def executemany(self, _: str, rows: list[tuple[Any, ...]]) -> None:
        if self.error is not None:
            raise self.error
        self.rows = rows

    def is_closed(self) -> bool:
        return self.closed

    def terminate(self) -> None:
        self.closed = True


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Connection]:
    made: list[Connection] = []

    async def connect(_: str) -> Connection:
        made.append(Connection())
        return made[-1]

    monkeypatch.setattr(job_report, "connect", connect)
    return made


async def test_ages_of_successes_and_failures(connections: list[Connection]) -> None:
    now = 1000.0
    report = JobReport("", lambda: now)
    report.succeeded("trim", 10)
    now += 5
    report.failed("trim", 10, OSError("first"))
    now += 2
    report.failed("trim", 10, ValueError("second\nwith a detail"))
    report.failed("drain", 0.25, TimeoutError())
    now += 1
    await report.write()
    assert [(name, *rest) for name, _, _, *rest in connections[0].rows] == [
        ("drain", 0.25, None, 1.0, "TimeoutError"),
        ("trim", 10, 8.0, 3.0, "ValueError: second"),
    ]
    report.succeeded("trim", 10)
    await report.write()
    assert connections[0].rows[1][4:] == (0.0, None, None)


async def test_error_is_cut(connections: list[Connection]) -> None:
    report = JobReport("")
    report.failed("trim", 10, ValueError("x" * 1000))
    await report.write()
    assert len(connections[0].rows[0][-1]) == MAX_ERROR


async def test_connection_that_failed_is_not_used_again(connections: list[Connection]) -> None:
    report = JobReport("")
    report.succeeded("trim", 10)
    await report.write()
    connections[0].error = OSError("gone")
    with pytest.raises(OSError, match="gone"):
        await report.write()
    await report.write()
    assert connections[0].closed
    assert len(connections[1].rows) == 1
