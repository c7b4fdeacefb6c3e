"""`modepulse dev`: all of Modepulse on this machine, restarted part by part, stopped as one."""

import asyncio
import fcntl
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from app.server import bind
from app.settings import Settings
from modepulse.launcher.servers import Postgres, ServerError, child_setup, free_port, redis_binary, redis_command

READY_SECONDS = 120
STOP_SECONDS = 20
STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
# A part that ends this soon after its start is started again only after a pause.
YOUNG_SECONDS = 2.0
PAUSE_SECONDS = 1.0
SETTINGS_EXIT = 2
ADMIN_TOKEN = "admin_token"  # a file of the data directory
# Some dozen changes a second in areas 101 to 110, for as long as it runs.
DEMO = ["simulate", "--rate", "30", "--users", "300", "--areas", "10", "--duration", "1e9"]


class Stopped(Exception):
    """SIGINT, SIGTERM or SIGHUP came."""


@dataclass
class Part:
    """One of the processes. `stop_signal` is what ends it in order."""

    name: str
    start: Callable[[], "subprocess.Popen[bytes]"]
    stop_signal: signal.Signals = signal.SIGTERM
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    start_after: float = 0.0


class Supervisor:
    """Starts the parts in order, keeps them up, stops them in the opposite order."""

    def __init__(self, settings: Settings, host: str, port: int, data_dir: Path, demo: bool) -> None:
        self._settings = settings
        self._host, self._port = host, port
        self._data = data_dir.absolute()
        self._demo = demo
        self._parts: list[Part] = []
        self._environment = dict(os.environ)
        self._lock = -1
        self._listener: socket.socket | None = None
        self._redis_url = settings.redis_url
        self._postgres_dsn = settings.postgres_dsn
        self._admin_token = settings.admin_token

    def run(self) -> None:
        """Returns after an orderly stop. Raises ServerError."""
        # Signals, children's ends among them, are taken one by one by sigtimedwait: no handler, no race.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS | {signal.SIGCHLD})
        try:
            self._prepare()
            self._start_all()
            self._wait_until_ready()
            self._announce()
            while True:
                self._tend(1.0)
        except Stopped:
            pass
        finally:
            self._stop_all()

    def _prepare(self) -> None:
        """Everything that can be refused is refused here, before anything is started."""
        binary = None if self._redis_url else redis_binary(self._settings.redis_server)
        try:
            self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _lock(self._data)
            for name in ("redis", "logs"):
                (self._data / name).mkdir(exist_ok=True)
        except OSError as error:
            raise ServerError(f"the data directory {self._data} cannot be written: {error.strerror}") from None
        try:
            self._listener = bind(self._host, self._port)
        except OSError as error:
            raise ServerError(f"cannot listen on {self._host} port {self._port}: {error.strerror}") from None
        except OverflowError:
            raise ServerError(f"{self._port} is no port", 2) from None
        self._port = self._listener.getsockname()[1]
        before = _read_json(self._data / "ports.json")
        ports = {}
        if binary is not None:
            ports["redis"] = port = free_port(before.get("redis"))
            self._redis_url = f"redis://127.0.0.1:{port}/0"
            self._add_redis(redis_command(binary, port, self._data / "redis"))
        if not self._postgres_dsn:
            ports["postgres"] = port = free_port(before.get("postgres"))
            self._add_postgres(Postgres(self._data / "postgres", port))
        (self._data / "ports.json").write_text(json.dumps(ports))
        self._admin_token = self._settings.admin_token or _kept_token(self._data / ADMIN_TOKEN)
        self._environment |= {
            "MODEPULSE_REDIS_URL": self._redis_url,
            "MODEPULSE_POSTGRES_DSN": self._postgres_dsn,
            "MODEPULSE_ADMIN_TOKEN": self._admin_token,
        }
        self._add_python("archiver", ["archive"])
        self._add_python("api", ["serve", "--fd", str(self._listener.fileno())], self._listener.fileno())
        if self._demo:
            self._add_python("demo", [*DEMO, "--url", _url(self._host, self._port)])

    def _add_redis(self, command: list[str]) -> None:
        def start() -> "subprocess.Popen[bytes]":
            with (self._data / "logs" / "redis.log").open("ab") as output:
                return subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    pass_fds=(self._lock,),
                    preexec_fn=child_setup(signal.SIGTERM),
                )

        self._parts.append(Part("redis", start))

    def _add_postgres(self, postgres: Postgres) -> None:
        self._postgres_dsn = postgres.dsn()
        self._postgres_admin_dsn = postgres.dsn("postgres")

        def start() -> "subprocess.Popen[bytes]":
            return postgres.start(self._data / "logs" / "postgres.log", (self._lock,))

        # SIGINT is Postgres's fast shutdown; SIGTERM would wait for its clients.
        self._parts.append(Part("postgres", start, signal.SIGINT))

    def _add_python(self, name: str, arguments: list[str], *inherited: int) -> None:
        def start() -> "subprocess.Popen[bytes]":
            return subprocess.Popen(
                [sys.executable, "-m", "modepulse", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr,
                env=self._environment,
                start_new_session=True,
                pass_fds=inherited,
                preexec_fn=child_setup(signal.SIGKILL),
            )

        self._parts.append(Part(name, start))

    def _start_all(self) -> None:
        for part in self._parts:
            self._start(part)
        if any(part.name == "postgres" for part in self._parts):
            self._await(lambda: asyncio.run(make_database(self._postgres_admin_dsn)), "Postgres")

    def _start(self, part: Part) -> None:
        part.process = part.start()
        part.started_at = time.monotonic()

    def _wait_until_ready(self) -> None:
        self._await(lambda: _is_ready(self._host, self._port), "the API")

    def _await(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise ServerError(f"{what} is not ready after {READY_SECONDS} s; see {self._data}/logs")
            self._tend(0.05)

    def _tend(self, seconds: float) -> None:
        """Waits for a signal or `seconds`; starts again what has ended. Raises Stopped, ServerError."""
        pauses = [part.start_after - time.monotonic() for part in self._parts if part.process is None]
        received = signal.sigtimedwait(STOP_SIGNALS | {signal.SIGCHLD}, max(0.0, min([seconds, *pauses])))
        if received is not None and received.si_signo in STOP_SIGNALS:
            raise Stopped
        for part in self._parts:
            if part.process is not None and part.process.poll() is not None:
                self._note_end(part, part.process.returncode)
            if part.process is None and time.monotonic() >= part.start_after:
                self._start(part)
                self._write_run_json()

    def _note_end(self, part: Part, code: int) -> None:
        if code == SETTINGS_EXIT:
            raise ServerError(f"{part.name} refused its settings", 2)
        young = time.monotonic() - part.started_at < YOUNG_SECONDS
        part.process = None
        part.start_after = time.monotonic() + (PAUSE_SECONDS if young else 0)
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        _say(f"{part.name} ended ({how}); starting it again; logs: {self._data}/logs")

    def _announce(self) -> None:
        self._write_run_json()
        _say(f"redis-cli -u {self._redis_url}    psql {self._postgres_dsn}")
        print(f"ready {_url(self._host, self._port)}", flush=True)

    def _write_run_json(self) -> None:
        """Readable by its owner only: the DSN holds a password."""
        run = {
            "url": _url(self._host, self._port),
            "redis_url": self._redis_url,
            "postgres_dsn": self._postgres_dsn,
            "pids": {
                name: next((p.process.pid for p in self._parts if p.name == name and p.process), None)
                for name in ("redis", "postgres", "api", "archiver")
            },
        }
        fresh = self._data / "run.json.new"
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(run, indent=2) + "\n")
        fresh.rename(self._data / "run.json")

    def _stop_all(self) -> None:
        """The API first, so that what it accepted is flushed; the stores last."""
        if self._listener is not None:
            self._listener.close()
        for part in reversed(self._parts):
            if part.process is None or part.process.poll() is not None:
                continue
            part.process.send_signal(part.stop_signal)
            try:
                part.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                _say(f"{part.name} does not stop; killing it")
                part.process.kill()
                part.process.wait()
        if self._lock >= 0:
            (self._data / "run.json").unlink(missing_ok=True)
            os.close(self._lock)


def _lock(directory: Path) -> int:
    """Holds the data directory as long as this process or a server of it lives (they inherit the lock)."""
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + STOP_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            owner = os.pread(descriptor, 20, 0).decode()
            # The servers of an owner that was killed are just about to end.
            if _is_alive(owner) or time.monotonic() > deadline:
                os.close(descriptor)
                raise ServerError(f"the data directory {directory} is in use by process {owner}") from None
            time.sleep(0.05)
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (ProcessLookupError, ValueError):
        return False
    return True


async def make_database(dsn: str) -> bool:
    """Whether Postgres answers and the database is there; makes it at the first start."""
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
    except (asyncpg.PostgresError, OSError, TimeoutError):
        return False
    try:
        name = Postgres.DATABASE
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return True


def _is_ready(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(_reachable(host), port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _url(host: str, port: int) -> str:
    name = _reachable(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _kept_token(path: Path) -> str:
    """The data directory's own admin token, made at the first start."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24) + "\n")
    return path.read_text().strip()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _say(message: str) -> None:
    print(f"modepulse: {message}", file=sys.stderr, flush=True)
