"""The disk of the AOF is full: Redis ends rather than answer for what it could not write, and comes back with room."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import BINARIES
from tests.faults.load import Load, check
from tests.faults.summary import SUMMARY
from tests.servers import Stack, eventually, ready


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "data" / "redis"
    disk.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_full_disk_loses_nothing(redis_name: str, tmp_path: Path, small_disk: Path) -> None:
    with Stack(tmp_path / "data", redis_server=str(BINARIES[redis_name])) as stack:
        first = stack.run["pids"]["redis"]
        with Load(stack.url, 71, rate=4000) as load:
            eventually(lambda: stack.run["pids"]["redis"] != first, 60)
            subprocess.run(["mount", "-o", "remount,size=300m", str(small_disk)], check=True)
            eventually(lambda: ready(stack), 30)
            load.await_posts(20)
        SUMMARY.add(f"{redis_name}: disk of the AOF full", 1, check(stack, load))
