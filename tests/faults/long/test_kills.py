"""kill -9 of every part, one at a time and all at once, and a Redis that is wiped.

Each server gets half of the faults, so that all long tests take less than 15 minutes.
"""

import pytest

from tests.faults.kills import PARTS, kill_at_random_moments, wipe
from tests.servers import Stack


@pytest.mark.parametrize("parts", [*((part,) for part in PARTS), PARTS], ids=lambda parts: "+".join(parts))
def test_kill_9_loses_and_doubles_nothing(own_stack: Stack, redis_name: str, parts: tuple[str, ...]) -> None:
    with own_stack as stack:
        kill_at_random_moments(stack, parts, 10, len(parts), f"{redis_name}: kill -9 {'+'.join(parts)}")


def test_redis_wiped_five_times(own_stack: Stack, redis_name: str) -> None:
    with own_stack as stack:
        wipe(stack, f"{redis_name}: FLUSHALL", 5)
