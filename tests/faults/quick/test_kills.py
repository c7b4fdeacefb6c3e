"""kill -9 of everything at once, SIGTERM of the API and a wiped Redis, under load."""

import os
import signal

from tests.conftest import ON_REDIS, ON_VALKEY
from tests.faults.kills import PARTS, kill_at_random_moments, wipe
from tests.faults.load import Load, check
from tests.faults.summary import SUMMARY
from tests.servers import Stack, eventually, ready


@ON_VALKEY
def test_kill_9_of_everything_at_once(own_stack: Stack, redis_name: str) -> None:
    with own_stack as stack:
        kill_at_random_moments(stack, PARTS, 2, 7, f"{redis_name}: kill -9 all, quick")


@ON_REDIS
def test_graceful_stop_of_the_api_answers_what_it_has_taken(own_stack: Stack, redis_name: str) -> None:
    with own_stack as stack:
        with Load(stack.url, 8, rate=6000) as load:
            for _ in range(3):
                load.await_posts(20)
                stopped = stack.run["pids"]["api"]
                os.kill(stopped, signal.SIGTERM)
                eventually(lambda stopped: stack.run["pids"]["api"] not in (None, stopped), 20, stopped=stopped)
                eventually(lambda: ready(stack), 20)
        # What a client sent into a connection that was just being closed has no answer; nothing else lacks one.
        assert sum(post.answer == "unknown" for post in load.posts) <= 3 * 4
        SUMMARY.add(f"{redis_name}: SIGTERM of the API", 3, check(stack, load))


@ON_VALKEY
def test_wiped_redis_is_rebuilt_by_itself(own_stack: Stack, redis_name: str) -> None:
    with own_stack as stack:
        wipe(stack, f"{redis_name}: FLUSHALL, quick", 2)
