"""GET /stats = area_mode_events_agg = the sum of the deltas in area_mode_events, while events come in and after."""

import httpx
import pytest
import redis

from tests.faults.load import Load, check, wait_until_archived
from tests.http_client import event
from tests.postgres import AGGREGATE, COUNTERS, counts, query
from tests.servers import Stack, eventually, live_counts, modepulse


def test_counts_match_under_load_and_after_it(own_stack: Stack) -> None:
    with own_stack as stack:
        with Load(stack.url, 51, rate=4000) as load:
            for _ in range(3):
                seen = len(load.posts)
                eventually(lambda seen=seen: len(load.posts) > seen + 50)  # type: ignore[misc]
                verified = modepulse("verify", "--data-dir", str(stack.directory))
                assert verified.returncode == 0, verified.stdout + verified.stderr
            load.pause()
            wait_until_archived(stack)
            live = live_counts(stack)
            assert live
            assert live == counts(stack, AGGREGATE) == counts(stack, COUNTERS)
            load.resume()
        assert check(stack, load).clean


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("UPDATE area_mode_events_agg SET current_count = current_count + 1", "area_mode_events_agg"),
        ("UPDATE area_mode_minutes SET last = last + 1", "area_mode_minutes"),
        ("DELETE FROM area_mode_events", "area_mode_events"),
        ("INSERT INTO area_mode_events_dropped VALUES ('1', 'duel', 1)", "area_mode_events"),
        (None, "active sessions"),
    ],
)
def test_each_difference_is_found_and_named(own_stack: Stack, damage: str | None, named: str) -> None:
    with own_stack as stack:
        httpx.post(stack.url + "/events", json=event(1, "ann")).raise_for_status()
        wait_until_archived(stack)
        good = modepulse("verify", "--data-dir", str(stack.directory))
        assert "1 players in GET /stats; archived 1 in area_mode_events_agg, 1 by the sum of deltas" in good.stdout
        if damage is None:
            with redis.Redis.from_url(stack.run["redis_url"]) as client:
                client.zincrby("{0}:area:1", 1, "duel")
        else:
            query(stack, damage)
        bad = modepulse("verify", "--data-dir", str(stack.directory))
        assert bad.returncode == 1
        assert "partition 0, area 1, mode duel:" in bad.stdout
        assert named in bad.stdout
