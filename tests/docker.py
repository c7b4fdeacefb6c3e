"""A `docker` command for tests, where there is no Docker: it does with the processes of Composed what is written."""

import json
import shlex
import socketserver
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from tests.composed import Composed

# Asks the tests what to do; a command in a container is run in its own place, with what it was given to read and write.
SHIM = """#!{python}
import json, os, socket, sys
with socket.create_connection(("127.0.0.1", {port})) as connection:
    connection.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
    answer = json.loads(connection.makefile().read())
if answer["command"]:
    os.execvpe(answer["command"][0], answer["command"], answer["environment"])
sys.exit(answer["error"])
"""
OPTIONS = {"-d", "-T", "--wait", "--rm", "--no-deps", "--volumes", "--force-recreate"}


class Docker:
    """Carries out `docker compose ...`, as far as docs/operate.md uses it."""

    def __init__(self, services: Composed) -> None:
        self._services = services

    def run(self, arguments: list[str]) -> dict[str, Any]:
        """What the shim has to do: run a command, or end, with an error message or without."""
        compose, verb, *rest = arguments
        assert compose == "compose", arguments
        while rest and rest[0] in OPTIONS:
            option = rest.pop(0)
            if option == "--force-recreate":
                self._services.stop(*(name for name in rest if not name.startswith("-")))
        if verb in ("exec", "run"):
            name, *command = rest
            assert verb == "run" or name in self._services.running, f"{name} does not run"
            self._services.make_volumes()
            return {"command": self._services.local(command), "environment": self._services.environment(name)}
        if rest and rest[0] == "--scale":
            _, count, *rest = rest
            self._services.scale(int(count.removeprefix("api=")))
        {"up": self._services.up, "stop": self._services.stop, "down": self._services.down}[verb](*rest)
        return {"command": None, "error": None}


@contextmanager
def docker(services: Composed) -> Iterator[Path]:
    """Runs it for these services; yields the folder in which there is a `docker`."""
    engine = Docker(services)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            arguments = json.loads(self.rfile.readline())
            try:
                answer = engine.run(arguments)
            except Exception:
                answer = {"command": None, "error": f"docker {shlex.join(arguments)}\n{traceback.format_exc()}"}
            self.wfile.write(json.dumps(answer).encode())

    # One thread for all: what it starts ends with it.
    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        folder = services.folder / "docker"
        folder.mkdir()
        (folder / "docker").write_text(SHIM.format(python=sys.executable, port=server.server_address[1]))
        (folder / "docker").chmod(0o755)
        try:
            yield folder
        finally:
            server.shutdown()
            thread.join()
