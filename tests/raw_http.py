"""HTTP as bytes on a socket, for what no client would send."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.http_client import event
from tests.servers import Stack

# This machine's own names for itself.
ME, OTHER, THIRD = "127.0.0.1", "127.0.0.2", "127.0.0.3"


@contextmanager
def connected(stack: Stack, address: str = ME) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", stack.port), 20, (address, 0)) as client:
        yield client


def rest(client: socket.socket) -> bytes:
    """All that comes until the service ends the connection."""
    received = b""
    while part := client.recv(65_536):
        received += part
    return received


def exchange(stack: Stack, *parts: bytes, address: str = ME, end: bool = False) -> bytes:
    """What is answered to these bytes; `end`: nothing more will be sent."""
    with connected(stack, address) as client:
        for part in parts:
            client.sendall(part)
        if end:
            client.shutdown(socket.SHUT_WR)
        return rest(client)


def answers(received: bytes) -> list[tuple[int, str]]:
    """(status, code or "") of each answer; the bodies of all but events and problems are left out."""
    found = []
    for answer in received.split(b"HTTP/1.1 ")[1:]:
        head, _, body = answer.partition(b"\r\n\r\n")
        is_problem = b"application/problem+json" in head
        found.append((int(head[:3]), json.loads(body)["code"] if is_problem else ""))
    return found


def request(line: str, *headers: str | bytes, body: bytes = b"", close: bool = True) -> bytes:
    lines = [line.encode(), b"Host: localhost", *(one if isinstance(one, bytes) else one.encode() for one in headers)]
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    if close:
        lines.append(b"Connection: close")
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def received_before_reset(client: socket.socket) -> bytes:
    """A client that goes on sending is cut off in the end."""
    received = b""
    try:
        while part := client.recv(65_536):
            received += part
    except ConnectionResetError:
        pass
    return received


def login(area: int, user: str = "u1", close: bool = False) -> bytes:
    return request("POST /events HTTP/1.1", body=json.dumps(event(area, user)).encode(), close=close)
