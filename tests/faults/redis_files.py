"""A Redis that comes back without its tail, or from a copy taken earlier, or with its clock behind its log."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import redis

from tests.faults.load import Load, check, wait_until_archived
from tests.faults.summary import SUMMARY
from tests.servers import Stack, eventually, ready


def aof(stack: Stack) -> Path:
    """The file that is being appended to."""
    return max((stack.directory / "redis" / "appendonlydir").glob("*.incr.aof"), key=lambda path: path.stat().st_mtime)


def cut(path: Path, events: int) -> None:
    """Takes the last transactions away that hold at least so many events, or all but the first few."""
    data = path.read_bytes()
    end = len(data)
    while events > 0:
        start = data.rfind(b"*1\r\n$5\r\nMULTI\r\n", 0, end)
        if start < 2000:
            break
        events -= data.count(b"LOGIN+", start, end) + data.count(b"LOGOUT-", start, end)
        end = start
    os.truncate(path, end)


def replace_redis(stack: Stack, change: Callable[[], None]) -> None:
    """kill -9 of Redis; while it is down its files are changed. The supervisor is frozen meanwhile."""
    assert stack.process is not None
    before = stack.run["pids"]["redis"]
    stack.process.send_signal(signal.SIGSTOP)
    try:
        os.kill(before, signal.SIGKILL)
        eventually(lambda: _is_gone(before))
        change()
    finally:
        stack.process.send_signal(signal.SIGCONT)
    eventually(lambda: stack.run["pids"]["redis"] not in (None, before), 20)
    eventually(lambda: ready(stack), 30)


def _is_gone(pid: int) -> bool:
    return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()


def settle(load: Load, stack: Stack, posts: int = 10) -> None:
    """Some load, then a pause in which all that was acknowledged is archived: losing it from Redis harms nothing."""
    load.await_posts(posts)
    load.pause()
    wait_until_archived(stack)


def lose_tail(stack: Stack, name: str, times: int) -> None:
    chance = random.Random(times)
    with Load(stack.url, 21, rate=4000) as load:
        for _ in range(times):
            settle(load, stack, 12)
            replace_redis(stack, lambda: cut(aof(stack), chance.randint(1, 1000)))
            load.resume()
    SUMMARY.add(name, times, check(stack, load))


def restore_copies(stack: Stack, name: str, times: int, copy_at: Path) -> None:
    files = stack.directory / "redis" / "appendonlydir"
    with Load(stack.url, 22, rate=4000) as load:
        for number in range(times):
            settle(load, stack)
            copy = copy_at / str(number)
            stack.kill("redis", signal.SIGSTOP)
            shutil.copytree(files, copy)
            stack.kill("redis", signal.SIGCONT)
            load.resume()
            settle(load, stack)

            def restore(copy: Path = copy) -> None:
                shutil.rmtree(files)
                shutil.copytree(copy, files)

            replace_redis(stack, restore)
            load.resume()
    SUMMARY.add(name, times, check(stack, load))


def put_clock_behind(stack: Stack, name: str, times: int) -> None:
    """The log's ids run ten minutes ahead of the clock; then the tail is lost as well, so that ids fall back."""
    chance = random.Random(5)
    with Load(stack.url, 23, rate=4000) as load:
        for _ in range(times):
            settle(load, stack)
            replace_redis(stack, lambda: cut(aof(stack), chance.randint(1, 300)))
            with redis.Redis.from_url(stack.run["redis_url"]) as client:
                client.execute_command("XSETID", "{0}:events", f"{int(time.time() * 1000) + 600_000}-0")
            load.resume()
    SUMMARY.add(name, times, check(stack, load))
