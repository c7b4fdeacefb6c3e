"""The servers of one measurement, in a scratch folder, on free ports."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import redis

from app.contract.keys import PARTITIONS, keys_of
from app.contract.token import new_token
from modepulse.launcher.child_process import child_setup, free_port
from tests.servers import eventually, redis_server

KEYS = keys_of(0)


class Scratch:
    """A Redis as shipped, and started on demand: the API, the hello world, webdis."""

    def __init__(self, binary: Path, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self.redis_port = stack.enter_context(redis_server(binary, folder))
        self.redis: Any = redis.Redis(port=self.redis_port)
        stack.callback(self.redis.close)
        eventually(self._redis_answers)
        self.epoch = new_token()
        self.pids = {"redis": int(self.redis.info("server")["process_id"])}
        self.ports: dict[str, int] = {}

    def _redis_answers(self) -> bool:
        try:
            return bool(self.redis.ping())
        except redis.ConnectionError:
            return False

    def empty(self) -> None:
        """No data but an open partition; a fresh append-only file, so that each run begins alike."""
        self.redis.flushall()
        self.redis.set(KEYS.epoch, self.epoch)
        self.redis.set(PARTITIONS, 1)
        self.rewrite()

    def rewrite(self) -> None:
        """Compacts the append-only file now, so that it does not happen in the middle of a run."""
        eventually(lambda: not self.redis.info("persistence")["aof_rewrite_in_progress"], 120)
        self.redis.bgrewriteaof()
        eventually(lambda: not self.redis.info("persistence")["aof_rewrite_in_progress"], 120)

    def start(self, name: str, command: Callable[[int], list[str]], **environment: str) -> None:
        port = self.ports[name] = free_port()
        with (self._folder / f"{name}.log").open("ab") as output:
            process = subprocess.Popen(
                command(port),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._folder,
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])} | environment,
                preexec_fn=child_setup(signal.SIGKILL),
            )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        self.pids[name] = process.pid
        eventually(lambda: process.poll() is not None or _listens(port))
        if process.poll() is not None:
            raise RuntimeError(f"{name} did not start: {(self._folder / f'{name}.log').read_text()}")

    def start_api(self, **environment: str) -> None:
        url = f"redis://127.0.0.1:{self.redis_port}/0"
        self.start(
            "api",
            lambda port: [sys.executable, "-m", "modepulse", "serve", "--port", str(port)],
            MODEPULSE_REDIS_URL=url,
            MODEPULSE_POSTGRES_DSN="",
            **environment,
        )

    def start_hello(self) -> None:
        self.start("hello", lambda port: [sys.executable, "-m", "bench.hello", str(port)])

    def start_webdis(self) -> None:
        """As Debian's package configures it."""
        configuration = self._folder / "webdis.json"

        def command(port: int) -> list[str]:
            settings = {
                "redis_host": "127.0.0.1", "redis_port": self.redis_port, "redis_auth": None, "http_host": "127.0.0.1",
                "http_port": port, "threads": 2, "daemonize": False, "database": 0, "verbosity": 3,
                "acl": [{"disabled": ["DEBUG"]}], "logfile": str(self._folder / "webdis.requests"),
            }  # fmt: skip
            configuration.write_text(json.dumps(settings))
            return ["webdis", str(configuration)]

        self.start("webdis", command)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"


def _listens(port: int) -> bool:
    import socket

    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        time.sleep(0.02)
        return False
    return True
