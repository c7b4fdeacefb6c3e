"""Real servers for tests, on free ports in scratch folders, ended with the test process."""

import asyncio
import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import redis

from modepulse.launcher.child_process import child_setup
from modepulse.launcher.postgres_server import Postgres, make_database
from modepulse.launcher.redis_server import embedded_redis, redis_binary, redis_command
from tests.ports import unused_port

MODEPULSE = (sys.executable, "-m", "modepulse")


def redis_binaries() -> dict[str, Path]:
    """The embedded server, and a redis-server where there is one: the suite has to pass on both."""
    found = redis_binary(os.environ.get("MODEPULSE_REDIS_SERVER", ""))
    embedded = embedded_redis()
    return {"valkey": embedded} if found == embedded else {"valkey": embedded, "redis": found}


def eventually(condition: Callable[..., Any], seconds: float = 15, **arguments: Any) -> Any:
    """Waits until the condition, called with the arguments, is true; returns its value, fails with the last one."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition(**arguments)
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {value!r}"
        time.sleep(0.02)


def limit_memory(client: redis.Redis, most: int) -> None:
    """Lets a server hold few bytes, without ending connections: a tenth of so little is less than one's buffers."""
    client.config_set("maxmemory-clients", 0)
    client.config_set("maxmemory", most)


@contextmanager
def redis_server(binary: Path, directory: Path, *options: str) -> Iterator[int]:
    """Runs a server with the shipped redis.conf and more options; yields its port."""
    port = unused_port()
    with (directory / "redis.log").open("ab") as output:
        process = subprocess.Popen(
            [*redis_command(binary, port, directory), *options],
            stdout=output,
            stderr=output,
            preexec_fn=child_setup(signal.SIGKILL),
        )
    try:
        yield port
    finally:
        process.kill()
        process.wait()


@cache
def _initialised_cluster() -> Path:
    """A data directory's postgres folder after initdb, made once a process for others to copy."""
    directory = Path(tempfile.mkdtemp(prefix="modepulse-cluster-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    Postgres(directory / "postgres", unused_port())
    return directory / "postgres"


@contextmanager
def postgres_server(directory: Path) -> Iterator[Postgres]:
    """Runs the embedded Postgres with an empty database of ours."""
    shutil.copytree(_initialised_cluster(), directory / "postgres")
    postgres = Postgres(directory / "postgres", unused_port())
    with (directory / "postgres.log").open("ab") as output:
        process = postgres.start(output, ())
    try:
        eventually(lambda: asyncio.run(make_database(postgres.dsn("postgres"))), 60)
        yield postgres
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


class Stack:
    """`modepulse dev` in a folder of its own.

    `settings` are the service's, by their names without the prefix. Its Postgres starts from a copy of an empty
    cluster, or with `initdb` as a user's first start does.
    """

    def __init__(
        self, directory: Path, port: int = 0, arguments: Sequence[str] = (), initdb: bool = False, **settings: str
    ) -> None:
        self.directory = directory
        self.port = port or unused_port()
        self._arguments = arguments
        self._initdb = initdb
        # Two stacks that start at a time would choose the same.
        self._settings = {"archiver_metrics_port": str(unused_port()), **settings}
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> "Stack":
        postgres = self.directory / "postgres"
        if not (self._initdb or "postgres_dsn" in self._settings or postgres.exists()):
            self.directory.mkdir(mode=0o700, exist_ok=True)
            shutil.copytree(_initialised_cluster(), postgres)
        log = self.directory.parent / f"{self.directory.name}.log"
        with log.open("ab") as output:
            self.process = start_modepulse(
                *("dev", "--port", str(self.port), "--data-dir", str(self.directory), *self._arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                env=os.environ | {f"MODEPULSE_{name.upper()}": value for name, value in self._settings.items()},
                preexec_fn=child_setup(signal.SIGTERM),
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line == f"ready {self.url}\n", line + log.read_text()
        return self

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)  # a failed test may have left it frozen
        self.process.terminate()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(40)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def run(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((self.directory / "run.json").read_text())
        return read

    @property
    def admin(self) -> dict[str, str]:
        """The header of a request that may erase."""
        return {"Authorization": f"Bearer {self.admin_token}"}

    @property
    def admin_token(self) -> str:
        return (self.directory / "admin_token").read_text().strip()

    def kill(self, part: str, number: int = signal.SIGKILL) -> None:
        """Sends a signal to a part: redis, postgres, api or archiver."""
        os.kill(self.run["pids"][part], number)

    @contextmanager
    def second_archiver(self) -> Iterator["subprocess.Popen[str]"]:
        """One more archiver beside the stack's own; continued and stopped at the end, which has to succeed."""
        stores = {"MODEPULSE_REDIS_URL": self.run["redis_url"], "MODEPULSE_POSTGRES_DSN": self.run["postgres_dsn"]}
        archiver = start_modepulse("archive", env=os.environ | stores, stderr=subprocess.DEVNULL)
        try:
            yield archiver
        finally:
            archiver.send_signal(signal.SIGCONT)
            archiver.terminate()
            assert archiver.wait(30) == 0

    def __enter__(self) -> "Stack":
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()


def start_modepulse(*arguments: str, **more: Any) -> "subprocess.Popen[str]":
    """A `modepulse` command that runs in the background; `more` is for Popen."""
    return subprocess.Popen([*MODEPULSE, *arguments], text=True, **more)


def modepulse(*arguments: str, **more: Any) -> "subprocess.CompletedProcess[str]":
    """A `modepulse` command that has ended, with its output; `more` is for subprocess.run."""
    return subprocess.run([*MODEPULSE, *arguments], capture_output=True, text=True, timeout=120, **more)


def live_counts(stack: Stack) -> dict[str, int]:
    """ "area|mode" -> players, as GET /stats reports it for every area ever seen."""
    client: Any = redis.Redis.from_url(stack.run["redis_url"])
    areas = sorted(area.decode() for area in client.smembers("{0}:areas"))
    client.close()
    if not areas:
        return {}
    read = httpx2.get(stack.url + "/stats", params={"area_code": areas}, timeout=10).raise_for_status().json()
    return {f"{area}|{r['multiplayer_mode']}": r["count"] for area, ranking in read.items() for r in ranking}


def ready(stack: Stack) -> bool:
    """Whether GET /readyz says so."""
    try:
        return httpx2.get(stack.url + "/readyz", timeout=5).status_code == 200
    except httpx2.TransportError:
        return False


@contextmanager
def serving(*arguments: str, **settings: str) -> Iterator[str]:
    """`modepulse serve` by itself, with its settings; yields its address."""
    port = unused_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "modepulse", "serve", "--port", str(port), *arguments],
        stdin=subprocess.DEVNULL,
        env=os.environ | {f"MODEPULSE_{name.upper()}": value for name, value in settings.items()},
        preexec_fn=child_setup(signal.SIGKILL),
    )
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: _lives(url), 30)
        yield url
    finally:
        process.kill()
        process.wait()


def _lives(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/healthz").status_code == 200
    except httpx2.TransportError:
        return False
