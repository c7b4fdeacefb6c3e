"""Processes that stand still for long."""

import os
import signal

from tests.faults.freeze import freeze_postgres
from tests.faults.load import Load, check
from tests.faults.summary import SUMMARY
from tests.postgres import query
from tests.servers import Stack, eventually


def test_events_are_taken_while_postgres_stands_still(own_stack: Stack, redis_name: str) -> None:
    with own_stack as stack:
        freeze_postgres(stack, f"{redis_name}: Postgres frozen 60 s", 60)


def test_frozen_archiver_wakes_up_behind_another(own_stack: Stack, redis_name: str) -> None:
    with own_stack as stack, stack.second_archiver() as second:
        with Load(stack.url, 32, rate=8000) as load:
            for number in range(5):
                frozen = stack.run["pids"]["archiver"] if number % 2 == 0 else second.pid
                os.kill(frozen, signal.SIGSTOP)
                enough = _archived(stack) + 500
                eventually(lambda enough: _archived(stack) > enough, 15, enough=enough)
                os.kill(frozen, signal.SIGCONT)
        SUMMARY.add(f"{redis_name}: two archivers, one frozen", 5, check(stack, load))


def _archived(stack: Stack) -> int:
    count: int = query(stack, "SELECT count(*) FROM area_mode_events")[0][0]
    return count
