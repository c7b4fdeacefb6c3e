"""What connections have from their listener."""

import errno
import select
import socket
from contextlib import suppress

import pytest

from app import server
from app.settings import Settings
from app.transport.protocol import UNSENT_BYTES


def test_client_that_takes_nothing_is_given_little_and_then_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STALLED_SECONDS", 1)
    with server.bind("127.0.0.1", 0) as listener, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(listener.getsockname())
        connection, _ = listener.accept()
        with connection:
            connection.setblocking(False)
            taken = 0
            with suppress(BlockingIOError):
                while taken < 1_000_000:
                    taken += connection.send(bytes(4096))
            assert taken < 3 * UNSENT_BYTES, "the kernel's own limit is a few MB"
            ended = select.poll()
            ended.register(connection, select.POLLHUP)
            assert ended.poll(20_000)
            assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ETIMEDOUT


@pytest.mark.parametrize("given", [0, 7])
@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::"])
def test_limits_by_address_are_automatic_where_others_can_connect(host: str, given: int) -> None:
    try:
        listener = server.bind(host, 0)
    except OSError:
        pytest.skip("there is no IPv6 here")
    settings = Settings(connections_per_address=given, listeners_per_address=given)
    with listener:
        found = server.resolved(settings, listener)
    automatic = (0, 0) if host in ("127.0.0.1", "127.9.9.9", "::1") else (256, 128)
    assert (found.connections_per_address, found.listeners_per_address) == ((given, given) if given else automatic)
