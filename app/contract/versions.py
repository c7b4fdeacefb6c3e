"""Which versions run: of this package, and of the servers."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # so that `modepulse --version` does not load a client of Postgres
    from app.contract.postgres import Connection, PooledConnection


def own_version() -> str:
    """Of Modepulse."""
    return version("modepulse")


def redis_server(info: Mapping[str, Any]) -> str:
    """Name and version, as `Redis 7.0.15` or `Valkey 9.1.2`, by what INFO says of the server."""
    if info.get("server_name") == "valkey":
        return f"Valkey {info.get('valkey_version')}"
    return f"Redis {info.get('redis_version')}"


def postgres_server(connection: "Connection | PooledConnection") -> str:
    """Name and version, as `Postgres 18.1`."""
    found = connection.get_server_version()
    return f"Postgres {found.major}.{found.micro}"  # asyncpg takes 18.1 for 18.0.1
