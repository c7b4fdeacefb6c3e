"""The addresses of a store, one for each who uses it, and the commands that a person attaches with."""

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from urllib.parse import urlsplit

from app.store_address import without_secrets


@dataclass(frozen=True)
class StoreAddresses:
    """Each with the password of a user of its own, if `modepulse dev` has started the store."""

    owner: str
    """For the person at the machine, and the commands that are run by hand."""
    api: str
    archiver: str

    @classmethod
    def shared(cls, address: str) -> "StoreAddresses":
        """Of a store of one's own, in which all use the address that was set."""
        return cls(address, address, address)


def redis_cli_command(url: str, password_file: Path | None) -> str:
    """What to type to look into Redis; it holds no password, so that neither the terminal nor `ps` shows one."""
    command = f"redis-cli -u {quote(without_secrets(url))}"
    if password_file is None:
        return command
    user = urlsplit(url).username
    return f'REDISCLI_AUTH="$(cat {quote(str(password_file))})" {command} --user {user}'


def psql_command(dsn: str, password_file: Path | None) -> str:
    """What to type to look into Postgres, again without a password; `password_file` is one of libpq's."""
    if password_file is None:
        return f"psql {quote(without_secrets(dsn))}"
    parts = urlsplit(dsn)
    address = f"postgresql://{parts.username}@{parts.hostname}:{parts.port}{parts.path}"
    return f"PGPASSFILE={quote(str(password_file))} psql {address}"


def password_file_of_psql(dsn: str) -> str:
    """The text of libpq's password file for a canonical address."""
    parts = urlsplit(dsn)
    return f"{parts.hostname}:{parts.port}:*:{parts.username}:{parts.password}\n"
