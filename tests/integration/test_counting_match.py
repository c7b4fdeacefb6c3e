"""GET /stats = area_mode_events_agg = the sum of the deltas in area_mode_events, while events come in and after."""

from tests.faults.load import Load, check, wait_until_archived
from tests.postgres import AGGREGATE, COUNTERS, counts
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
