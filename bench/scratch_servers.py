"""The servers of one measurement, on free ports, with a temporary directory for all they write."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import redis

from app.contract.keys import PARTITIONS, keys_of
from app.contract.token import new_token
from modepulse.launcher.child_process import child_setup, free_port
from modepulse.launcher.redis_server import redis_binary
from tests.servers import eventually, redis_server

KEYS = keys_of(0)


class ScratchServers:
    """A Redis with the shipped configuration and, started on demand, the API, the hello world and webdis.

    `ports` and `pids` are by name: redis, api, guarded, hello, webdis.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        redis_port = stack.enter_context(redis_server(redis_binary("redis-server"), folder))
        self.ports = {"redis": redis_port}
        self.redis: Any = redis.Redis(port=redis_port)
        stack.callback(self.redis.close)
        # Once there is a key, every API of a state needs one.
        self._guarded_redis: Any = redis.Redis(port=redis_port, db=1)
        stack.callback(self._guarded_redis.close)
        eventually(self._redis_answers)
        self.pids = {"redis": int(self.redis.info("server")["process_id"])}
        self.epoch = new_token()
        self.empty()

    def _redis_answers(self) -> bool:
        try:
            return bool(self.redis.ping())
        except redis.ConnectionError:
            return False

    def empty(self) -> None:
        """Leaves an open partition without data, and a fresh append-only file, so that all runs start alike."""
        self.redis.flushall()
        for state in (self.redis, self._guarded_redis):
            state.set(KEYS.epoch, self.epoch)
            state.set(PARTITIONS, 1)
        self.rewrite()

    def rewrite(self) -> None:
        """Compacts the append-only file now, so that Redis does not do it in the middle of a run."""
        eventually(self._rewrite_done, 120)
        self.redis.bgrewriteaof()
        eventually(self._rewrite_done, 120)

    def _rewrite_done(self) -> bool:
        return not self.redis.info("persistence")["aof_rewrite_in_progress"]

    def url(self, name: str) -> str:
        """Where the server of that name answers HTTP."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def start_api(self) -> None:
        """`modepulse serve`, one worker, without Postgres."""
        self._start(
            "api",
            lambda port: [sys.executable, "-m", "modepulse", "serve", "--port", str(port)],
            MODEPULSE_REDIS_URL=f"redis://127.0.0.1:{self.ports['redis']}/0",
            MODEPULSE_POSTGRES_DSN="",
        )

    def start_guarded(self) -> str:
        """The same with keys on, in a state of its own; returns the header with one."""
        admin_token = new_token()
        self._start(
            "guarded",
            lambda port: [sys.executable, "-m", "modepulse", "serve", "--port", str(port)],
            MODEPULSE_REDIS_URL=f"redis://127.0.0.1:{self.ports['redis']}/1",
            MODEPULSE_POSTGRES_DSN="",
            MODEPULSE_ADMIN_TOKEN=admin_token,
        )
        wanted = {"name": "bench", "scopes": ["ingest", "read"]}
        made = httpx2.post(f"{self.url('guarded')}/keys", json=wanted, headers={"X-API-Key": admin_token})
        return f"X-API-Key: {made.raise_for_status().json()['key']}"

    def start_hello(self) -> None:
        """bench/hello.py"""
        self._start("hello", lambda port: [sys.executable, "-m", "bench.hello", str(port)])

    def start_webdis(self) -> None:
        """webdis with the settings of Debian's package."""
        configuration = self.folder / "webdis.json"

        def command(port: int) -> list[str]:
            settings = {
                "redis_host": "127.0.0.1", "redis_port": self.ports["redis"], "redis_auth": None,
                "http_host": "127.0.0.1", "http_port": port, "threads": 2, "daemonize": False, "database": 0,
                "verbosity": 3, "acl": [{"disabled": ["DEBUG"]}], "logfile": str(self.folder / "webdis.requests"),
            }  # fmt: skip
            configuration.write_text(json.dumps(settings))
            return ["webdis", str(configuration)]

        self._start("webdis", command)

    def _start(self, name: str, command: Callable[[int], list[str]], **environment: str) -> None:
        """Returns when the server listens. Raises RuntimeError with its output when it ends before."""
        port = self.ports[name] = free_port()
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                command(port),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])} | environment,
                preexec_fn=child_setup(signal.SIGKILL),
            )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        self.pids[name] = process.pid
        eventually(lambda: process.poll() is not None or _listens(port))
        if process.poll() is not None:
            raise RuntimeError(f"{name} did not start: {log.read_text()}")


@contextmanager
def scratch_servers() -> Iterator[ScratchServers]:
    """An empty Redis to start the others beside; all of them end with the context."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        yield ScratchServers(folder, stack)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        time.sleep(0.02)
        return False
    return True
