"""Which listeners only this machine can reach."""

import socket
from pathlib import Path

import pytest

from app.access.exposure import is_loopback

HOSTS = [("127.0.0.1", True), ("127.9.8.7", True), ("0.0.0.0", False), ("::1", True), ("::", False)]


@pytest.mark.parametrize(("host", "expected"), [*HOSTS, ("::ffff:127.0.0.1", True)])
def test_loopback_is_told_by_the_listeners_own_address(host: str, expected: bool) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        if ":" in host:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((host, 0))
        assert is_loopback(listener) == expected


def test_behind_a_unix_socket_there_is_a_proxy(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        assert not is_loopback(listener)
