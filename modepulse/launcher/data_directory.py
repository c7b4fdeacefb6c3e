"""The data directory of `modepulse dev`: its lock, and the small files beside the stores' data."""

import fcntl
import json
import os
import secrets
import stat
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict

from modepulse.launcher.errors import LaunchError
from modepulse.launcher.writer import Writer

# How long the servers of a killed owner may take to end and with that give up the lock.
LOCK_TIMEOUT_SECONDS = 20


class Run(TypedDict):
    """run.json: where the running stack can be reached. `pids` has None for a process that is not running."""

    url: str
    redis_url: str
    postgres_dsn: str
    metrics: dict[str, str]
    pids: dict[str, int | None]


class DataDirectory:
    """The folder of one stack. The path is absolute, because Postgres runs in another working directory."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.redis = self.path / "redis"
        self.postgres = self.path / "postgres"
        self.logs = self.path / "logs"
        self.secrets = self.path / "secrets"
        self._ports = self.path / "ports.json"
        self._writers = self.path / "written_by.json"
        self._run = self.path / "run.json"
        self._admin_token = self.path / "admin_token"
        self._lock: int | None = None

    @property
    def lock(self) -> int:
        """The lock's file descriptor, once it was acquired."""
        assert self._lock is not None
        return self._lock

    def acquire(self) -> None:
        """Makes the folder and locks it: the lock is held as long as this process or a child that inherited it lives.

        Raises LaunchError if it cannot be written or another stack has it.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.path.stat().st_mode & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH:
                raise LaunchError(
                    f"other users can replace what is in {self.path}: take the right from them (chmod o-w)"
                )
            self._lock = self._take_lock()
            self._run.unlink(missing_ok=True)  # of a stack that was killed
            for folder in (self.redis, self.postgres, self.logs, self.secrets):
                folder.mkdir(exist_ok=True)
                # The folder that was named may be open to others, and so are those of former versions.
                folder.chmod(0o700)
        except OSError as error:
            raise LaunchError(f"the data directory {self.path} cannot be written: {error.strerror}") from None

    def is_new(self) -> bool:
        """Whether no store has written here yet."""
        return not any(self.postgres.iterdir()) and not any(self.redis.iterdir())

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
        return _read_object(self._ports)

    def write_ports(self, ports: dict[str, int]) -> None:
        """Keeps the ports for the next start."""
        self._ports.write_text(json.dumps(ports))

    def read_writers(self) -> dict[str, Writer]:
        """Who wrote the stores' data, by the store's name; none of those who wrote before this was noted."""
        return {
            store: Writer(str(noted.get("name")), str(noted.get("version")), str(noted.get("binary", "")))
            for store, noted in _read_object(self._writers).items()
            if isinstance(noted, dict)
        }

    def write_writers(self, writers: Mapping[str, Writer]) -> None:
        """Notes who writes from now on; what is noted of other stores stays."""
        noted = {**self.read_writers(), **writers}
        if noted != self.read_writers():
            write_private(self._writers, json.dumps({store: asdict(noted[store]) for store in noted}, indent=2) + "\n")

    def make_admin_token(self) -> str:
        """The admin token of this folder, made the first time; only its owner can read the file."""
        return _make_secret(self._admin_token)

    def make_password(self, name: str) -> str:
        """The password of that name, made the first time; only its owner can read `secrets/<name>`."""
        return _make_secret(self.secrets / name)

    def read_admin_token(self) -> str:
        """Raises OSError if there is none."""
        return self._admin_token.read_text().strip()

    def write_run(self, run: Run) -> None:
        """Replaces run.json in one step. Only its owner can read it, because the DSN holds a password."""
        write_private(self._run, json.dumps(run, indent=2) + "\n")

    def read_run(self) -> Run:
        """Where the stack on this folder can be reached. Raises OSError or ValueError if none is running."""
        run: Run = json.loads(self._run.read_text())
        return run


def write_private(path: Path, text: str) -> None:
    """Replaces a file in one step by one that only its owner can read. Raises OSError."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w") as file:
        file.write(text)
    fresh.rename(path)


def _read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty if there is none, or it is damaged."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _make_secret(path: Path) -> str:
    # An empty one was left by a start that was interrupted.
    if not path.exists() or not path.read_text().strip():
        write_private(path, secrets.token_urlsafe(24) + "\n")
    return path.read_text().strip()


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (ProcessLookupError, ValueError):
        return False
    return True
