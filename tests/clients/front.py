"""What stands between a client and the service: passes requests on and remembers them, and refuses or cuts some."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2

PASSED_ON = ("content-type", "idempotency-key", "x-api-key", "last-event-id")


@dataclass
class Seen:
    """A request to post events."""

    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def items(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads(self.body)["items"]
        return items


@dataclass
class Reply:
    """An answer in place of the service's. Status 0: none, the connection is cut, before or (`applied`) after the
    service has taken the request."""

    status: int
    code: str = ""
    retry_after: str = ""
    applied: bool = False


@dataclass
class Front:
    """`refuse` decides on each request to post: a reply, or None to pass it on."""

    service: str
    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    refuse: Callable[[Seen], Reply | None] = lambda _: None
    streams: list[Any] = field(default_factory=list)

    def first(self, *replies: Reply) -> None:
        """The first requests are answered so."""
        left = list(replies)
        self.refuse = lambda _: left.pop(0) if left else None

    def always(self, reply: Reply) -> None:
        """Every request is."""
        self.refuse = lambda _: reply

    @property
    def events(self) -> list[dict[str, Any]]:
        """All that were posted, in order; those of repeated requests again."""
        return [item for request in list(self.seen) for item in request.items]

    def cut_streams(self) -> None:
        """Ends every open stream."""
        while self.streams:
            self.streams.pop().close()


@contextmanager
def fronting(service: str, port: int = 0) -> Iterator[Front]:
    """Runs one; on a port of its own."""
    front = Front(service)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen = Seen({name.lower(): value for name, value in self.headers.items()}, body, time.monotonic())
            front.seen.append(seen)
            reply = front.refuse(seen)
            if reply is None or reply.applied:
                passed = httpx2.post(front.service + self.path, content=body, headers=self._passed_on(), timeout=10)
                if reply is None:
                    self._answer(passed.status_code, passed.content, passed.headers.get("retry-after", ""))
                    return
            if reply.status == 0:
                self.close_connection = True
                self.connection.shutdown(2)
                return
            problem = {"title": "Not now", "code": reply.code, "errors": []}
            self._answer(reply.status, json.dumps(problem).encode() if reply.code else b"<html>", reply.retry_after)

        def do_GET(self) -> None:
            with httpx2.stream("GET", front.service + self.path, headers=self._passed_on(), timeout=30) as passed:
                if passed.headers["content-type"] != "text/event-stream":
                    self._answer(passed.status_code, passed.read(), "")
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                self.close_connection = True
                front.streams.append(passed)
                try:
                    for chunk in passed.iter_raw():
                        self.wfile.write(chunk)
                except (httpx2.HTTPError, httpx2.StreamError, OSError, RuntimeError):
                    pass

        def _passed_on(self) -> dict[str, str]:
            return {name: self.headers[name] for name in PASSED_ON if name in self.headers}

        def _answer(self, status: int, body: bytes, retry_after: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if retry_after:
                self.send_header("Retry-After", retry_after)
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    front.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield front
    finally:
        front.cut_streams()
        server.shutdown()
        server.server_close()
        thread.join()
