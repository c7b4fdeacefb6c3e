"""Requests written byte by byte."""

import socket
from dataclasses import dataclass
from http.client import HTTPResponse


@dataclass(frozen=True)
class RawAnswer:
    """An answer; names of headers are in lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The header's values as one, None without it."""
        values = [value for found, value in self.headers if found == name]
        return ", ".join(values) if values else None


def exchange(port: int, request: str | bytes, seconds: float = 10) -> RawAnswer:
    """Sends the request, with LF for CRLF in text, and reads one answer."""
    sent = request if isinstance(request, bytes) else request.replace("\n", "\r\n").encode("latin-1")
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(sent)
        response = HTTPResponse(connection)
        response.begin()
        headers = [(name.lower(), value) for name, value in response.getheaders()]
        # An endless answer is not read.
        body = b"" if response.getheader("content-type") == "text/event-stream" else response.read()
        return RawAnswer(response.status, headers, body)
