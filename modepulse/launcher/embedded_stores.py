"""The stores that `modepulse dev` starts: each as a service, and the addresses by which it is reached."""

import signal
import subprocess
from typing import IO

from modepulse.launcher.child_process import child_setup, spawn
from modepulse.launcher.data_directory import DataDirectory, write_private
from modepulse.launcher.part_output import LogFile
from modepulse.launcher.postgres_server import Postgres
from modepulse.launcher.redis_server import USERS, RedisServer, acl_file, redis_command
from modepulse.launcher.store_addresses import StoreAddresses, password_file_of_psql
from modepulse.launcher.supervisor import Service


def redis_service(directory: DataDirectory, server: RedisServer, port: int) -> tuple[Service, StoreAddresses]:
    """The service `redis`; its users are made new from the directory's passwords. It inherits the directory's lock."""
    passwords = {user: directory.make_password(f"redis_{user}") for user in USERS}
    users = directory.secrets / "users.acl"
    write_private(users, acl_file(passwords))
    addresses = StoreAddresses(
        *(f"redis://{user}:{passwords[user]}@127.0.0.1:{port}/0" for user in ("owner", "api", "archiver"))
    )
    command = [*redis_command(server.binary, port, directory.redis), "--aclfile", str(users)]
    lock = directory.lock

    def start(output: IO[bytes]) -> "subprocess.Popen[bytes]":
        return spawn(command, output, pass_fds=(lock,), preexec_fn=child_setup(signal.SIGTERM))

    return Service("redis", start, LogFile(directory.logs / "redis.log")), addresses


def postgres_service(directory: DataDirectory, postgres: Postgres) -> tuple[Service, StoreAddresses]:
    """The service `postgres`, whose roles are still to be made (make_roles). It inherits the directory's lock."""
    passwords = role_passwords(directory)
    api, archiver = (postgres.role_dsn(role, passwords[role]) for role in postgres.ROLES)
    write_private(directory.secrets / "pgpass", password_file_of_psql(archiver))
    lock = directory.lock

    def start(output: IO[bytes]) -> "subprocess.Popen[bytes]":
        return postgres.start(output, (lock,))

    # SIGINT is Postgres's fast shutdown; SIGTERM would wait for its clients.
    service = Service("postgres", start, LogFile(directory.logs / "postgres.log"), signal.SIGINT)
    # A person works on the tables as their owner.
    return service, StoreAddresses(archiver, api, archiver)


def role_passwords(directory: DataDirectory) -> dict[str, str]:
    """Of Postgres.ROLES."""
    return {role: directory.make_password(f"postgres_{role}") for role in Postgres.ROLES}
