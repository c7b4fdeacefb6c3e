"""kill -9 of the archiver at each point of its protocol, and a frozen one that wakes up."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import BINARIES
from tests.faults.hook.sitecustomize import POINTS
from tests.faults.load import Load, check
from tests.faults.summary import SUMMARY
from tests.faults.test_kills import flush_all
from tests.faults.test_older_redis import aof, cut, replace_redis, settle
from tests.postgres import query
from tests.servers import Stack, eventually, ready


def test_archiver_killed_at_each_point_of_its_protocol(
    redis_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = tmp_path / "order"
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).with_name("hook")))
    monkeypatch.setenv("MODEPULSE_TEST_KILL_ORDER", str(order))
    stack = Stack(tmp_path / "data", redis_server=str(BINARIES[redis_name]))
    with stack:
        with Load(stack.url, 31, rate=3000) as load:
            for point in POINTS:
                settle(load, stack)
                order.write_text(point)
                if "heal" in point:
                    replace_redis(stack, lambda: cut(aof(stack), 500))
                elif "rebuild" in point or "exchange" in point:
                    flush_all(stack)
                load.resume()
                eventually(lambda: not order.exists(), 30)
                eventually(lambda: ready(stack), 30)
        SUMMARY.add(f"{redis_name}: archiver killed at a point", len(POINTS), check(stack, load))


@pytest.mark.faults
def test_frozen_archiver_wakes_up_behind_another(own_stack: Stack, redis_name: str) -> None:
    with own_stack as stack:
        environment = os.environ | {
            "MODEPULSE_REDIS_URL": stack.run["redis_url"],
            "MODEPULSE_POSTGRES_DSN": stack.run["postgres_dsn"],
        }
        second = subprocess.Popen(
            [sys.executable, "-m", "modepulse", "archive"], env=environment, stderr=subprocess.DEVNULL
        )
        try:
            with Load(stack.url, 32, rate=8000) as load:
                for number in range(5):
                    frozen = stack.run["pids"]["archiver"] if number % 2 == 0 else second.pid
                    os.kill(frozen, signal.SIGSTOP)
                    before = _archived(stack)
                    eventually(lambda before=before: _archived(stack) > before + 500, 15)  # type: ignore[misc]
                    os.kill(frozen, signal.SIGCONT)
            SUMMARY.add(f"{redis_name}: two archivers, one frozen", 5, check(stack, load))
        finally:
            second.kill()
            second.wait()


def _archived(stack: Stack) -> int:
    count: int = query(stack, "SELECT count(*) FROM area_mode_events")[0][0]
    return count
