"""The data directory of `modepulse dev`: its lock, and the small files beside the stores' data."""

import fcntl
import json
import os
import secrets
import time
from pathlib import Path
from typing import Any, TypedDict

from modepulse.launcher.errors import LaunchError

# How long the servers of a killed owner may take to end and with that give up the lock.
LOCK_TIMEOUT_SECONDS = 20


class Run(TypedDict):
    """run.json: where the running stack can be reached. `pids` has None for a process that is not running."""

    url: str
    redis_url: str
    postgres_dsn: str
    pids: dict[str, int | None]


class DataDirectory:
    """The folder of one stack. The path is absolute, because Postgres runs in another working directory."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.redis = self.path / "redis"
        self.postgres = self.path / "postgres"
        self.logs = self.path / "logs"
        self._ports = self.path / "ports.json"
        self._run = self.path / "run.json"
        self._admin_token = self.path / "admin_token"
        self._lock: int | None = None

    def acquire(self) -> int:
        """Makes the folder and locks it. Returns the lock's file descriptor: the lock is held as long as this process
        or a child that inherited it lives. Raises LaunchError if it cannot be written or another stack has it."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = self._take_lock()
            for folder in (self.redis, self.logs):
                folder.mkdir(exist_ok=True)
        except OSError as error:
            raise LaunchError(f"the data directory {self.path} cannot be written: {error.strerror}") from None
        return self._lock

    def is_new(self) -> bool:
        """Whether no store has written here yet."""
        return not self.postgres.exists() and not any(self.redis.iterdir())

    def release(self) -> None:
        """Removes run.json and gives the lock up, if this process holds it."""
        if self._lock is not None:
            self._run.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def _take_lock(self) -> int:
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                owner = os.pread(descriptor, 20, 0).decode()
                # If the owner was killed, its servers are about to end: they hold the lock until then.
                if _is_alive(owner) or time.monotonic() > deadline:
                    os.close(descriptor)
                    raise LaunchError(f"the data directory {self.path} is in use by process {owner}") from None
                time.sleep(0.05)
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        return descriptor

    def read_ports(self) -> dict[str, Any]:
        """The stores' ports of the last start, by name; empty before the first, or if the file is damaged."""
        try:
            ports = json.loads(self._ports.read_text())
        except (OSError, ValueError):
            return {}
        return ports if isinstance(ports, dict) else {}

    def write_ports(self, ports: dict[str, int]) -> None:
        """Keeps the ports for the next start."""
        self._ports.write_text(json.dumps(ports))

    def make_admin_token(self) -> str:
        """The admin token of this folder, made the first time; only its owner can read the file."""
        if not self._admin_token.exists():
            self._admin_token.touch(mode=0o600)
            self._admin_token.write_text(secrets.token_urlsafe(24) + "\n")
        return self.read_admin_token()

    def read_admin_token(self) -> str:
        """Raises OSError if there is none."""
        return self._admin_token.read_text().strip()

    def write_run(self, run: Run) -> None:
        """Replaces run.json in one step. Only its owner can read it, because the DSN holds a password."""
        fresh = self.path / "run.json.new"
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(run, indent=2) + "\n")
        fresh.rename(self._run)

    def read_run(self) -> Run:
        """Where the stack on this folder can be reached. Raises OSError or ValueError if none is running."""
        run: Run = json.loads(self._run.read_text())
        return run


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (ProcessLookupError, ValueError):
        return False
    return True
