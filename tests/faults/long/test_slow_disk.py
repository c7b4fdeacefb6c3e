"""The control: a fault that loses events, so that the checker is seen to find it."""

import signal
import subprocess
from pathlib import Path

from tests.conftest import BINARIES
from tests.faults.load import Load, check
from tests.servers import Stack, eventually

SLOW_FSYNC = """
#define _GNU_SOURCE
#include <unistd.h>
int fdatasync(int fd) { (void)fd; usleep(4000000); return 0; }
int fsync(int fd) { (void)fd; usleep(4000000); return 0; }
"""


def test_control_everysec_with_a_slow_disk_loses_events_and_the_checker_says_so(
    redis_name: str, tmp_path: Path
) -> None:
    """Shows that the checker can fail, and what `appendfsync always` is for."""
    (tmp_path / "slow.c").write_text(SLOW_FSYNC)
    shim = tmp_path / "slow.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(shim), str(tmp_path / "slow.c")], check=True)
    slow = tmp_path / "redis-server"
    slow.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] || export LD_PRELOAD={shim}\n'
        f'exec {BINARIES[redis_name]} "$@" $([ "$1" = --version ] || echo --appendfsync everysec)\n'
    )
    slow.chmod(0o755)
    with Stack(tmp_path / "data", redis_server=str(slow)) as stack:
        stack.kill("archiver", signal.SIGSTOP)  # what is archived would be healed
        with Load(stack.url, 61, rate=2000) as load:
            eventually(lambda: len(load.posts) > 150, 30)
            stack.kill("redis")
            load.pause()
        stack.kill("archiver", signal.SIGCONT)
        report = check(stack, load)
    assert report.lost > 0
