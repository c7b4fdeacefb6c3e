"""The archive that is measured: many events of many days, written by `modepulse simulate --to-postgres`."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

import asyncpg
import httpx2

from tests.servers import Stack

T = TypeVar("T")
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

DAYS = 30


class LargeArchive:
    """The archive of a running stack, by HTTP (`http`) and by SQL."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.http = httpx2.Client(base_url=stack.url, timeout=600)

    @property
    def dsn(self) -> str:
        """The stack's Postgres."""
        return str(self.stack.run["postgres_dsn"])

    def fill(self, events: int) -> None:
        """Writes about that many events, spread over the last DAYS days."""
        subprocess.run(
            [sys.executable, "-m", "modepulse", "simulate", "--to-postgres", "--events", str(events),
             "--days", str(DAYS), "--seed", "1", "--data-dir", str(self.stack.directory)],
            check=True,
        )  # fmt: skip

    def run(self, job: Callable[[Connection], Awaitable[T]], **settings: str) -> T:
        """The job's result, on a connection of its own with these settings of Postgres."""

        async def connect_and_run() -> T:
            connection = await asyncpg.connect(self.dsn, statement_cache_size=0, server_settings=settings)
            try:
                return await job(connection)
            finally:
                await connection.close()

        return asyncio.run(connect_and_run())

    def fetch(self, query: str, *args: Any) -> list[Any]:
        """The rows of a query."""
        return self.run(lambda connection: connection.fetch(query, *args))


def midnight(moment: datetime) -> datetime:
    """The start of the day, in UTC."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
