"""The clients that a person looks into the stores with: redis-cli and psql, given address and password.

The password is in the environment of the client, never on its command line, which other users of the machine can see.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qs, unquote, urlencode, urlsplit, urlunsplit

from modepulse.launcher.errors import LaunchError
from modepulse.launcher.postgres_binaries import PostgresBinaries

# What redis-py takes in an address, and redis-cli as an option.
_TLS_OPTIONS = {
    "ssl_ca_certs": "--cacert",
    "ssl_ca_path": "--cacertdir",
    "ssl_certfile": "--cert",
    "ssl_keyfile": "--key",
}


@dataclass(frozen=True)
class Client:
    """A program, the arguments that lead it to the store, and what is added to its environment."""

    program: str
    arguments: list[str]
    secrets: Mapping[str, str] = field(repr=False)

    def run(self, more: list[str]) -> NoReturn:
        """Replaces this process by the client with more arguments. Raises LaunchError."""
        sys.stdout.flush()
        try:
            os.execve(self.program, [self.program, *self.arguments, *more], {**os.environ, **self.secrets})
        except OSError as error:
            raise LaunchError(f"{self.program} cannot be run: {error.strerror}") from None


def redis_cli(url: str) -> Client | None:
    """redis-cli, or valkey-cli, for a canonical address; None where neither is installed."""
    program = shutil.which("redis-cli") or shutil.which("valkey-cli")
    if program is None:
        return None
    parts = urlsplit(url)
    given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    database = given.get("db", "") if parts.scheme == "unix" else parts.path.strip("/") or given.get("db", "")
    if parts.scheme == "unix":
        arguments = ["-s", unquote(parts.path)]
    else:
        arguments = ["-h", parts.hostname or "localhost", "-p", str(parts.port or 6379)]
    if database:
        arguments += ["-n", database]
    if parts.scheme == "rediss":
        arguments.append("--tls")
        for name, option in _TLS_OPTIONS.items():
            arguments += [option, given[name]] if name in given else []
        if given.get("ssl_cert_reqs") == "none":
            arguments.append("--insecure")
    user = unquote(parts.username or "") or given.get("username", "")
    password = unquote(parts.password or "") or given.get("password", "")
    if user:
        arguments += ["--user", user]
    return Client(program, arguments, {"REDISCLI_AUTH": password} if password else {})


def psql(dsn: str) -> Client:
    """psql for a canonical address: the embedded Postgres's own, else that on PATH. Raises LaunchError."""
    try:
        program: str | None = PostgresBinaries.embedded().path("psql")
    except LaunchError:
        program = None
    if program is None or not Path(program).exists():
        program = shutil.which("psql")
    if program is None:
        raise LaunchError("psql is not installed: apt-get install postgresql-client on Debian and Ubuntu", 2)
    parts = urlsplit(dsn)
    given = parse_qs(parts.query, keep_blank_values=True)
    password = unquote(parts.password or "") or given.pop("password", [""])[-1]
    user, at, hosts = parts.netloc.rpartition("@")
    netloc = user.partition(":")[0] + at + hosts
    address = urlunsplit(("postgresql", netloc, parts.path or "/", urlencode(given, doseq=True), ""))
    return Client(program, [address], {"PGPASSWORD": password} if password else {})
