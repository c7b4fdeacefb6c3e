"""GET /stats = area_mode_events_agg = the sum of the deltas in area_mode_events, while events come in and after."""

import subprocess
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx2
import redis

from tests.conftest import SAME_ON_EVERY_SERVER
from tests.faults.load import Load, check, wait_until_archived
from tests.http_client import event
from tests.postgres import AGGREGATE, COUNTERS, counts, query
from tests.servers import Stack, live_counts, modepulse


def verify(stack: Stack) -> "subprocess.CompletedProcess[str]":
    return modepulse("verify", "--data-dir", str(stack.directory))


@SAME_ON_EVERY_SERVER
def test_counts_match_under_load_and_after_it(own_stack: Stack) -> None:
    with own_stack as stack:
        with Load(stack.url, 51, rate=4000) as load:
            for _ in range(3):
                load.await_posts(50)
                verified = verify(stack)
                assert verified.returncode == 0, verified.stdout + verified.stderr
            load.pause()
            wait_until_archived(stack)
            live = live_counts(stack)
            assert live
            assert live == counts(stack, AGGREGATE) == counts(stack, COUNTERS)
            load.resume()
        assert check(stack, load).clean


@SAME_ON_EVERY_SERVER
def test_each_difference_is_found_and_named(own_stack: Stack) -> None:
    """One damage after the other, each repaired before the next."""
    with own_stack as stack, redis.Redis.from_url(stack.run["redis_url"]) as client:
        httpx2.post(stack.url + "/events", json=event(1, "ann")).raise_for_status()
        wait_until_archived(stack)
        good = "\n  1 player archived: "
        assert good in verify(stack).stdout

        def sql(statement: str) -> Callable[[], Any]:
            return partial(query, stack, statement)

        def score(change: int) -> Callable[[], Any]:
            return partial(client.zincrby, "{0}:area:1", change, "duel")

        def session(at: int) -> Callable[[], Any]:
            return partial(client.zadd, "{0}:user:ann@1", {"1|duel": at})

        for damage, named, repair in (
            (
                sql("UPDATE area_mode_events_agg SET current_count = current_count + 1"),
                "area_mode_events_agg",
                sql("UPDATE area_mode_events_agg SET current_count = current_count - 1"),
            ),
            (
                sql("UPDATE area_mode_minutes SET last = last + 1"),
                "newest of area_mode_minutes",
                sql("UPDATE area_mode_minutes SET last = last - 1"),
            ),
            (score(1), "counters 2, active sessions 1", score(-1)),
            (score(-1), "counters 0, active sessions 1", score(1)),
            (score(-2), "counters -1, active sessions 1", score(2)),
            (session(-(10**15)), "counters 1, active sessions 0", session(10**15)),
            (
                partial(client.rename, "{0}:expiry", "kept"),
                "active sessions 1, of them on the timer wheel 0",
                partial(client.rename, "kept", "{0}:expiry"),
            ),
            (
                sql("INSERT INTO area_mode_events_dropped VALUES ('1', 'duel', 1)"),
                "sum of deltas in area_mode_events",
                sql("DELETE FROM area_mode_events_dropped"),
            ),
            (sql("DELETE FROM area_mode_events"), "sum of deltas in area_mode_events", None),
        ):
            damage()
            bad = verify(stack)
            assert bad.returncode == 1, damage
            assert "partition 0, area 1, mode duel:" in bad.stdout, damage
            assert named in bad.stdout, damage
            if repair is not None:
                repair()
                assert good in verify(stack).stdout, repair
