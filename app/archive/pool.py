"""The service's connections to Postgres: queries, exports, and what erasing needs."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg

from app.contract.postgres import POSTGRES_ERRORS, Connection, PooledConnection, Record
from app.contract.sql import load_sql
from app.contract.tracing import span
from app.contract.versions import postgres_server
from app.errors import Problem, Unavailable
from app.settings import Settings

log = logging.getLogger(__name__)

# Longest wait for the epoch that Postgres knows: a POST is waiting for it.
EPOCH_SECONDS = 1.0
CONNECT_SECONDS = 5.0
VERSION_SECONDS = 1.0
# Queries that run at the same time in this process; others wait for a connection.
MAX_QUERIES = 4
# Rows of an export that are in memory at a time: formatted in well under a millisecond, so reads get between.
EXPORT_ROWS = 100
# An export whose client takes nothing for this long is ended: it holds a snapshot, and locks that retention needs.
EXPORT_IDLE_SECONDS = 60
# Class of the advisory lock ("mode" in ASCII); its second key is the export slot, 0 to max_exports - 1.
EXPORT_LOCK = 0x6D6F6465

# How Postgres plans the queries.
PLANNER = {
    # One core a query: the others are the archiver's.
    "max_parallel_workers_per_gather": "0",
    # Planned once a connection, not once a query: with a partition a day that takes longer than the query.
    "plan_cache_mode": "force_generic_plan",
    # Every query has an index in its order; an estimate of how much it finds must not decide otherwise.
    "enable_sort": "off",
    "enable_seqscan": "off",
    "jit": "off",
}

TAKE_EXPORT_SLOT = load_sql("app.archive", "take_export_slot")
ARCHIVED_EPOCH = load_sql("app.archive", "archived_epoch")


class ArchivePool:
    """Queries to the archive, or to its replica. Every method raises Unavailable when it does not answer in time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._dsn = settings.postgres_read_dsn or settings.postgres_dsn
        self._pool: asyncpg.Pool[Record] | None = None

    async def open(self) -> None:
        """Prepares the pool; connects to nothing yet, so that the service starts without its archive."""
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
        """Ends all connections at once, whatever they are doing."""
        if self._pool is not None:
            self._pool.terminate()

    async def server(self) -> str | None:
        """Name and version of the server; None when there is none or it does not say within VERSION_SECONDS."""
        if self._pool is None:
            return None
        try:
            async with asyncio.timeout(VERSION_SECONDS), self._pool.acquire() as connection:
                return postgres_server(connection)
        except POSTGRES_ERRORS:
            return None

    async def fetch(self, query: str, *args: Any) -> list[Record]:
        """All rows of a query; `query_timeout` when it takes longer than MODEPULSE_QUERY_TIMEOUT_SECONDS."""
        with self._failures(), span("query the archive"):
            async with self._connection() as connection:
                return await connection.fetch(query, *args)

    @asynccontextmanager
    async def export(self, query: str, *args: Any) -> AsyncIterator[AsyncIterator[list[Record]]]:
        """Any number of rows, up to EXPORT_ROWS at a time, by a cursor of the server.

        Raises Problem (429) when all export slots are taken, in whichever process.
        """
        with self._failures():
            async with self._connection() as connection, connection.transaction(readonly=True):
                for slot in range(self._settings.max_exports):
                    if await connection.fetchval(TAKE_EXPORT_SLOT, EXPORT_LOCK, slot):
                        break
                else:
                    raise Problem(
                        429, "too_many_exports", "Other exports are running; try later", headers={"Retry-After": "10"}
                    )
                cursor = await connection.cursor(query, *args)
                first = await cursor.fetch(EXPORT_ROWS)
                yield _rest(cursor, first)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Connection]:
        """A connection to the primary that may write and has no time limit: for erasing."""
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
    async def _connection(self) -> AsyncIterator[PooledConnection]:
        if self._pool is None:
            raise _no_archive()
        async with self._pool.acquire(timeout=CONNECT_SECONDS) as connection:
            yield connection

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Turns Postgres's errors into Unavailable."""
        try:
            yield
        except asyncpg.QueryCanceledError as error:
            seconds = self._settings.query_timeout_seconds
            raise Unavailable(
                "query_timeout", f"The query takes longer than {seconds:g} s; a narrower one may not", 5
            ) from error
        except POSTGRES_ERRORS as error:
            log.error("The archive does not answer", exc_info=error, extra={"action": "audit"})
            raise Unavailable("archive_unavailable", "The archive does not answer", 5) from error


def _no_archive() -> Unavailable:
    return Unavailable("archive_unavailable", "This service has no archive", 60)


async def _rest(cursor: "asyncpg.cursor.Cursor[Record]", rows: list[Record]) -> AsyncIterator[list[Record]]:
    while rows:
        yield rows
        rows = await cursor.fetch(EXPORT_ROWS)


async def archived_epoch(settings: Settings, partition: int) -> str | None:
    """The epoch that Postgres knows for a partition; None when it knows none or does not answer within EPOCH_SECONDS.

    Needed when this process meets an epoch it has not seen before: a Redis that is not ours has one too.
    """
    if not settings.postgres_dsn:
        return None
    try:
        connection = await asyncpg.connect(settings.postgres_dsn, timeout=EPOCH_SECONDS, command_timeout=EPOCH_SECONDS)
        try:
            epoch: str | None = await connection.fetchval(ARCHIVED_EPOCH, partition)
            return epoch
        finally:
            connection.terminate()
    except POSTGRES_ERRORS:
        return None
