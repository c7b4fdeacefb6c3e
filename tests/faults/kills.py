"""kill -9 of the parts at random moments under load, and a Redis that is wiped."""

import os
import random
import signal
import time

import httpx2
import redis

from tests.faults.load import Load, check, wait_until_archived
from tests.faults.summary import SUMMARY
from tests.servers import Stack, eventually, ready

PARTS = ("api", "archiver", "redis", "postgres")


def kill(stack: Stack, *parts: str) -> None:
    """Kills the parts at once and waits until they are back."""
    before = stack.run["pids"]
    for part in parts:
        os.kill(before[part], signal.SIGKILL)
    eventually(lambda: all(stack.run["pids"][part] not in (None, before[part]) for part in parts), 20)
    eventually(lambda: ready(stack), 20)


def kill_at_random_moments(stack: Stack, parts: tuple[str, ...], times: int, seed: int, name: str) -> None:
    chance = random.Random(seed)
    with Load(stack.url, seed, rate=10000) as load:
        for _ in range(times):
            time.sleep(chance.uniform(0.1, 1.0))  # the fault's moment, not a wait for something
            kill(stack, *parts)
    SUMMARY.add(name, times * len(parts), check(stack, load))


def flush_all(stack: Stack) -> None:
    with redis.Redis.from_url(stack.run["redis_url"]) as client:
        client.flushall()
    assert httpx2.get(stack.url + "/healthz").status_code == 200


def wipe(stack: Stack, name: str, times: int) -> None:
    """What was acknowledged and not yet archived is gone with a wipe, so the load stops for that moment only."""
    with Load(stack.url, 11, rate=3000) as load:
        for _ in range(times):
            load.await_posts(8)
            load.pause()
            wait_until_archived(stack)
            flush_all(stack)
            load.resume()
            eventually(lambda: ready(stack), 30)
    SUMMARY.add(name, times, check(stack, load))
