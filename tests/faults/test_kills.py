"""kill -9 of every part, one at a time and all at once, at random moments under load.

The long tests run on both servers, each with half of the faults, so that all of them take less than 15 minutes.
"""

import os
import random
import signal
import time

import httpx
import pytest
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


@pytest.mark.faults
@pytest.mark.parametrize("parts", [*((part,) for part in PARTS), PARTS], ids=lambda parts: "+".join(parts))
def test_kill_9_loses_and_doubles_nothing(own_stack: Stack, redis_name: str, parts: tuple[str, ...]) -> None:
    with own_stack as stack:
        kill_at_random_moments(stack, parts, 10, len(parts), f"{redis_name}: kill -9 {'+'.join(parts)}")


def test_kill_9_of_everything_at_once(own_stack: Stack, redis_name: str) -> None:
    with own_stack as stack:
        kill_at_random_moments(stack, PARTS, 2, 7, f"{redis_name}: kill -9 all, quick")


def test_graceful_stop_of_the_api_answers_what_it_has_taken(own_stack: Stack, redis_name: str) -> None:
    with own_stack as stack:
        with Load(stack.url, 8, rate=6000) as load:
            for _ in range(3):
                before, posts = stack.run["pids"]["api"], len(load.posts)
                eventually(lambda posts=posts: len(load.posts) > posts + 20)  # type: ignore[misc]
                os.kill(before, signal.SIGTERM)
                eventually(lambda before=before: stack.run["pids"]["api"] not in (None, before), 20)  # type: ignore[misc]
                eventually(lambda: ready(stack), 20)
        # What a client sent into a connection that was just being closed has no answer; nothing else lacks one.
        assert sum(post.answer == "unknown" for post in load.posts) <= 3 * 4
        SUMMARY.add(f"{redis_name}: SIGTERM of the API", 3, check(stack, load))


def flush_all(stack: Stack) -> None:
    with redis.Redis.from_url(stack.run["redis_url"]) as client:
        client.flushall()
    assert httpx.get(stack.url + "/healthz").status_code == 200


def wiped(stack: Stack, name: str, times: int) -> None:
    """What was acknowledged and not yet archived is gone with a wipe, so the load stops for that moment only."""
    with Load(stack.url, 11, rate=3000) as load:
        for _ in range(times):
            before = len(load.posts)
            eventually(lambda before=before: len(load.posts) > before + 8)  # type: ignore[misc]
            load.pause()
            wait_until_archived(stack)
            flush_all(stack)
            load.resume()
            eventually(lambda: ready(stack), 30)
    SUMMARY.add(name, times, check(stack, load))


def test_wiped_redis_is_rebuilt_by_itself(own_stack: Stack, redis_name: str) -> None:
    with own_stack as stack:
        wiped(stack, f"{redis_name}: FLUSHALL, quick", 2)


@pytest.mark.faults
def test_redis_wiped_five_times(own_stack: Stack, redis_name: str) -> None:
    with own_stack as stack:
        wiped(stack, f"{redis_name}: FLUSHALL", 5)
