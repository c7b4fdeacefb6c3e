"""Connections that break between the parts, and clients that hang up."""

from pathlib import Path

from tests.faults.connections import break_connections, lose_clients
from tests.servers import Stack


def test_connections_broken_25_times_each_way(redis_name: str, tmp_path: Path) -> None:
    break_connections(redis_name, tmp_path, 25, f"{redis_name}: broken connections")


def test_clients_that_hang_up_250_times(own_stack: Stack, redis_name: str) -> None:
    with own_stack as stack:
        lose_clients(stack, f"{redis_name}: clients hang up", 250)
