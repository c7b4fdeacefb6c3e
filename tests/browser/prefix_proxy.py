"""A reverse proxy that serves the service below a path, as nginx does it with `location /modepulse/`."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@contextmanager
def prefix_proxy(port: int, prefix: str, *, removes_it: bool) -> Iterator[str]:
    """Yields the address of the page. `port`: the service's on this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if not self.path.startswith(prefix):
                self.send_error(404)
                return
            length = int(self.headers.get("Content-Length") or 0)
            path = self.path.removeprefix(prefix) if removes_it else self.path
            service = http.client.HTTPConnection("127.0.0.1", port)
            service.request(self.command, path or "/", self.rfile.read(length), dict(self.headers))
            answer = service.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            try:
                while part := answer.read1():
                    self.wfile.write(part)
            except OSError:
                pass  # the page was closed
            finally:
                service.close()

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{prefix}"
    finally:
        server.shutdown()
        server.server_close()
