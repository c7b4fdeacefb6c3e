"""Connections that break between the parts, and clients that hang up."""

from pathlib import Path

from tests.conftest import ON_REDIS, ON_VALKEY
from tests.faults.connections import break_connections, lose_clients
from tests.servers import Stack


@ON_VALKEY
def test_broken_connections_lose_and_double_nothing(redis_name: str, tmp_path: Path) -> None:
    break_connections(redis_name, tmp_path, 4, f"{redis_name}: broken connections, quick")


@ON_REDIS
def test_clients_that_hang_up_leave_whole_requests_or_none(own_stack: Stack, redis_name: str) -> None:
    with own_stack as stack:
        lose_clients(stack, f"{redis_name}: clients hang up, quick", 40)
