"""Queries of the archive, for tests that are not coroutines."""

import asyncio
from typing import Any

import asyncpg

from tests.servers import Stack

COUNTERS = """
    SELECT area_code || '|' || multiplayer_mode AS member, sum(delta)::int AS count
    FROM area_mode_events GROUP BY 1 HAVING sum(delta) <> 0
"""
AGGREGATE = """
    SELECT area_code || '|' || multiplayer_mode AS member, current_count::int AS count
    FROM area_mode_events_agg WHERE current_count <> 0
"""


def query(stack: Stack, sql: str, *args: Any) -> list[Any]:
    """The rows. Raises asyncpg.PostgresError, OSError."""

    async def ask() -> list[Any]:
        connection = await asyncpg.connect(stack.run["postgres_dsn"], timeout=5)
        try:
            rows: list[Any] = await connection.fetch(sql, *args)
            return rows
        finally:
            await connection.close()

    return asyncio.run(ask())


def archive_answers(stack: Stack) -> bool:
    try:
        return bool(query(stack, "SELECT 1"))
    except (asyncpg.PostgresError, OSError):
        return False


def counts(stack: Stack, sql: str) -> dict[str, int]:
    """ "area|mode" -> players, of COUNTERS or AGGREGATE."""
    return {row["member"]: row["count"] for row in query(stack, sql)}
