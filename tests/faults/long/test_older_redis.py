"""A Redis that comes back without its tail, or from a copy taken earlier, or with its clock behind its log."""

from pathlib import Path

from tests.faults.redis_files import lose_tail, put_clock_behind, restore_copies
from tests.servers import Stack


def test_tail_lost_five_times(own_stack: Stack, redis_name: str) -> None:
    with own_stack as stack:
        lose_tail(stack, f"{redis_name}: AOF cut by 1 to 1,000 events", 5)


def test_older_copy_restored_five_times(own_stack: Stack, redis_name: str, tmp_path: Path) -> None:
    with own_stack as stack:
        restore_copies(stack, f"{redis_name}: AOF from an earlier copy", 5, tmp_path)


def test_clock_behind_the_log_five_times(own_stack: Stack, redis_name: str) -> None:
    with own_stack as stack:
        put_clock_behind(stack, f"{redis_name}: tail lost, clock 10 minutes behind", 5)
