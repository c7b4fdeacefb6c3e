"""What both processes need to speak to Postgres: the types, its failures, the count in a reply."""

from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

# A string: the class is generic in its stubs only.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

Record: TypeAlias = asyncpg.Record

# Of a pool; lent until it is given back.
PooledConnection: TypeAlias = "PoolConnectionProxy[Record]"

# Raised by a Postgres that is unreachable, shutting down, or not yet migrated.
POSTGRES_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)


def affected_rows(status: str) -> int:
    """The count in a command's status: 5 in `UPDATE 5` and in `COPY 5`."""
    return int(status.rpartition(" ")[2])
