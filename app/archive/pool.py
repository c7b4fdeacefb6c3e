"""The only module of the service that reaches Postgres."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg

from app.errors import Problem, Unavailable
from app.settings import Settings

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 1.0
CONNECT_SECONDS = 5.0
# Queries that run at a time in this process; others wait for them.
MAX_QUERIES = 4
# Rows of an export that are in memory at a time: formatted in well under a millisecond, so reads get between.
EXPORT_ROWS = 100
# An export whose client takes nothing for so long is ended: it holds a snapshot, and locks that retention needs.
EXPORT_IDLE_SECONDS = 60
EXPORT_LOCK = 0x6D6F6465  # "mode", with the number of a place beside it

# How Postgres plans the queries.
PLANNER = {
    # One core a query: the others are the archiver's.
    "max_parallel_workers_per_gather": "0",
    # Planned once a connection, not once a query: with a partition a day that takes longer than the query.
    "plan_cache_mode": "force_generic_plan",
    # Every question has an index in its order; a guess of how much it finds is not to decide otherwise.
    "enable_sort": "off",
    "enable_seqscan": "off",
    "jit": "off",
}

# What Postgres says when it is not there, or going away, or not yet what it should be.
_ABSENT = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)


class ArchivePool:
    """Questions to the archive, or to its replica. Every method raises Unavailable when it does not answer in time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._dsn = settings.postgres_read_dsn or settings.postgres_dsn
        self._pool: Any = None

    async def open(self) -> None:
        """Connects to nothing yet: the service starts without its archive."""
        if not self._dsn:
            return
        milliseconds = str(round(self._settings.query_timeout_seconds * 1000))
        self._pool = await asyncpg.create_pool(
            self._dsn,
            min_size=0,
            max_size=MAX_QUERIES + self._settings.max_exports,
            timeout=CONNECT_SECONDS,
            command_timeout=self._settings.query_timeout_seconds + 5,
            max_inactive_connection_lifetime=600,
            server_settings={
                "application_name": "modepulse-audit",
                "default_transaction_read_only": "on",
                "statement_timeout": milliseconds,
                "idle_in_transaction_session_timeout": str(EXPORT_IDLE_SECONDS * 1000),
                "timezone": "UTC",
                **PLANNER,
            },
        )

    async def close(self) -> None:
        if self._pool is not None:
            self._pool.terminate()

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        with self._failures():
            async with self._connection() as connection:
                rows: list[Any] = await connection.fetch(query, *args)
                return rows

    @asynccontextmanager
    async def export(self, query: str, *args: Any) -> AsyncIterator[AsyncIterator[list[Any]]]:
        """The rows of any number, some at a time, by a cursor of the server. Raises Problem when too many export."""
        with self._failures():
            async with self._connection() as connection, connection.transaction(readonly=True):
                for place in range(self._settings.max_exports):
                    if await connection.fetchval("SELECT pg_try_advisory_xact_lock($1, $2)", EXPORT_LOCK, place):
                        break
                else:
                    raise Problem(
                        429, "too_many_exports", "Other exports are running; try later", headers={"Retry-After": "10"}
                    )
                cursor = await connection.cursor(query, *args)
                first = await cursor.fetch(EXPORT_ROWS)
                yield _rest(cursor, first)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Any]:
        """A connection to the archive itself, without a limit of time: for erasing."""
        with self._failures():
            if not self._settings.postgres_dsn:
                raise _no_archive()
            connection = await asyncpg.connect(
                self._settings.postgres_dsn,
                timeout=CONNECT_SECONDS,
                server_settings={"application_name": "modepulse-erasure", "lock_timeout": "5s"},
            )
            try:
                yield connection
            finally:
                connection.terminate()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        if self._pool is None:
            raise _no_archive()
        async with self._pool.acquire(timeout=CONNECT_SECONDS) as connection:
            yield connection

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except asyncpg.QueryCanceledError as error:
            seconds = self._settings.query_timeout_seconds
            raise Unavailable(
                "query_timeout", f"The query takes longer than {seconds:g} s; a narrower one may not", 5
            ) from error
        except _ABSENT as error:
            log.error("The archive does not answer", exc_info=error, extra={"action": "audit"})
            raise Unavailable("archive_unavailable", "The archive does not answer", 5) from error


def _no_archive() -> Unavailable:
    return Unavailable("archive_unavailable", "This service has no archive", 60)


async def _rest(cursor: Any, rows: list[Any]) -> AsyncIterator[list[Any]]:
    while rows:
        yield rows
        rows = await cursor.fetch(EXPORT_ROWS)


async def archived_epoch(settings: Settings, partition: int) -> str | None:
    """The epoch that Postgres knows for a partition; None when it knows none or cannot be asked.

    Asked when this process meets an epoch it has not seen: a Redis that is not ours has one too.
    """
    if not settings.postgres_dsn:
        return None
    try:
        connection = await asyncpg.connect(
            settings.postgres_dsn, timeout=TIMEOUT_SECONDS, command_timeout=TIMEOUT_SECONDS
        )
        try:
            epoch: str | None = await connection.fetchval(
                "SELECT epoch FROM archive_checkpoint WHERE partition = $1", partition
            )
            return epoch
        finally:
            connection.terminate()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        return None
