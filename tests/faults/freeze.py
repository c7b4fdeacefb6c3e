"""A Postgres that stands still."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.load import Load, check
from tests.faults.summary import SUMMARY
from tests.servers import Stack


def postgres_processes(stack: Stack) -> list[int]:
    parent = stack.run["pids"]["postgres"]
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [parent, *map(int, children)]


@contextmanager
def frozen_postgres(stack: Stack) -> Iterator[None]:
    pids = postgres_processes(stack)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def freeze_postgres(stack: Stack, name: str, seconds: float) -> None:
    """Every request sent meanwhile has to be acknowledged."""
    with Load(stack.url, 51, rate=3000) as load:
        with frozen_postgres(stack):
            time.sleep(seconds)  # the fault's length, not a wait for something
        sent = load.posts[:-8]  # but for those in flight
        assert {post.answer for post in sent} == {"acked"}
    SUMMARY.add(name, 1, check(stack, load))
