"""The embedded Postgres server: its cluster, the user it runs as, how it is started, its roles."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import asyncpg

from app.contract.sql import load_sql
from modepulse.launcher.child_process import child_setup, inherited_environment, namespaces_allowed, spawn
from modepulse.launcher.errors import LaunchError
from modepulse.launcher.postgres_binaries import PostgresBinaries
from modepulse.launcher.shipped_files import shipped_file

CONNECT_TIMEOUT_SECONDS = 5
DATABASE_EXISTS = load_sql("modepulse.launcher", "database_exists")
CREATE_DATABASE = load_sql("modepulse.launcher", "create_database")
SET_SESSION_PARAMETER = load_sql("modepulse.launcher", "set_session_parameter")


class Postgres:
    """A server whose cluster lies in `directory`; the first time, initdb makes the cluster. Raises LaunchError.

    Whether the cluster is of this version is to be asked before (PostgresBinaries.require_same_major).
    """

    USER = "modepulse"  # the superuser
    DATABASE = "modepulse"
    ROLES = ("api", "archiver")  # `modepulse_` and this; only once make_roles has run

    def __init__(self, directory: Path, port: int) -> None:
        self.binaries = PostgresBinaries.embedded()
        self._cluster = cluster_of(directory)
        self._password_file = directory / "password"
        self.port = port
        self._identity = _other_identity()
        directory.mkdir(mode=0o700, exist_ok=True)
        if not (self._cluster / "PG_VERSION").exists():
            self._make_cluster(directory)
        if self._identity is not None:
            self._give_to_identity(directory)
        self._password = self._password_file.read_text().strip()

    def _make_cluster(self, directory: Path) -> None:
        """Runs initdb in a folder beside the cluster's and renames it: an interrupted start leaves no half cluster."""
        fresh = directory / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(self._cluster, ignore_errors=True)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_hex(16) + "\n")
        fresh.mkdir(mode=0o700)
        if self._identity is not None:
            self._give_to_identity(directory)
        command = [
            self.binaries.path("initdb"), "-D", str(fresh), "-U", self.USER, "-A", "scram-sha-256",
            f"--pwfile={self._password_file}", "--encoding=UTF8", "--locale=C", "--no-instructions",
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, env=_environment(), **self._as_identity(signal.SIGKILL)
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise LaunchError(f"initdb failed in {fresh}: {last}")
        fresh.rename(self._cluster)

    def _give_to_identity(self, directory: Path) -> None:
        assert self._identity is not None
        user, group = self._identity
        for path in [directory, *directory.rglob("*")]:
            os.chown(path, user, group)

    def _as_identity(self, death_signal: int) -> dict[str, Any]:
        """Popen's arguments for a child that is not root and gets `death_signal` when this process ends."""
        if self._identity is None:
            return {"preexec_fn": child_setup(death_signal, in_namespace=os.geteuid() == 0)}
        user, group = self._identity
        return {"preexec_fn": child_setup(death_signal), "user": user, "group": group, "extra_groups": []}

    def start(self, output: IO[bytes] | int, inherited: tuple[int, ...]) -> "subprocess.Popen[bytes]":
        """Starts the server, which may take a while to answer. It inherits the file descriptors `inherited`."""
        command = [
            self.binaries.path("postgres"), "-D", str(self._cluster),
            "-c", "listen_addresses=127.0.0.1", "-p", str(self.port), "-k", "",
            "-c", "shared_buffers=128MB", "-c", "max_wal_size=1GB", "-c", "max_connections=50",
            "-c", "timezone=UTC", "-c", "log_timezone=UTC",
        ]  # fmt: skip
        identity = self._as_identity(signal.SIGINT)
        return spawn(command, output, env=_environment(), cwd="/", pass_fds=inherited, **identity)

    def dsn(self, database: str = DATABASE) -> str:
        """The address of a database, with the superuser's password in it."""
        return f"postgresql://{self.USER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def role_dsn(self, role: str, password: str) -> str:
        """The address of the database for one of ROLES."""
        return f"postgresql://{self.USER}_{role}:{password}@127.0.0.1:{self.port}/{self.DATABASE}"


def cluster_of(directory: Path) -> Path:
    """The cluster's folder in the one that Postgres is given."""
    return directory / "data"


async def make_database(dsn: str) -> bool:
    """Creates the database Postgres.DATABASE unless it is there. Returns False while the server does not answer.

    `dsn` names another database of the same server. Raises PostgresError if the server refuses to create one.
    """
    try:
        connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_SECONDS)
    except (asyncpg.PostgresError, OSError, TimeoutError):
        return False
    try:
        if not await connection.fetchval(DATABASE_EXISTS, Postgres.DATABASE):
            await connection.execute(CREATE_DATABASE.format(name=Postgres.DATABASE))
    finally:
        await connection.close()
    return True


async def make_roles(dsn: str, passwords: Mapping[str, str]) -> None:
    """Creates the roles of deploy/postgres/roles.sql, or brings them up to date; `passwords` has one for each.

    `dsn` is the superuser's, of the database. Raises PostgresError, OSError, TimeoutError.
    """
    connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_SECONDS)
    try:
        for role, password in passwords.items():
            await connection.execute(SET_SESSION_PARAMETER, f"modepulse.{role}_password", password)
        async with connection.transaction():
            await connection.execute(shipped_file("deploy/postgres/roles.sql").read_text())
    finally:
        await connection.close()


def _environment() -> dict[str, str]:
    """Without PGPORT and the like, which are meant for the user's own Postgres."""
    return {name: value for name, value in inherited_environment().items() if not name.startswith("PG")}


def _other_identity() -> tuple[int, int] | None:
    """The (user, group) to change to, None if no change is needed; Postgres refuses to run as root.

    In a user namespace root is an ordinary user and the files stay root's. Where namespaces are forbidden, it is the
    user nobody. Raises LaunchError if there is no such user.
    """
    if os.geteuid() != 0 or sys.platform != "linux" or namespaces_allowed():
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise LaunchError("Postgres does not run as root here; start as another user", 1) from None
    return nobody.pw_uid, nobody.pw_gid
