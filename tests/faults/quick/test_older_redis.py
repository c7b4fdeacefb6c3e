"""A Redis that comes back without its tail, or from a copy taken earlier."""

from pathlib import Path

from tests.conftest import ON_REDIS, ON_VALKEY
from tests.faults.redis_files import lose_tail, restore_copies
from tests.servers import Stack


@ON_REDIS
def test_lost_tail_is_healed(own_stack: Stack, redis_name: str) -> None:
    with own_stack as stack:
        lose_tail(stack, f"{redis_name}: AOF cut, quick", 2)


@ON_VALKEY
def test_older_copy_is_healed(own_stack: Stack, redis_name: str, tmp_path: Path) -> None:
    with own_stack as stack:
        restore_copies(stack, f"{redis_name}: older AOF, quick", 1, tmp_path)
