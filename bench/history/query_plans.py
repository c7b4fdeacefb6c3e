"""The plans of GET /events and GET /history, and how long Postgres takes to execute them."""

import statistics
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request

from app.api.audit_events import events_query
from app.api.history import MINUTES_QUERY
from app.archive.pool import PLANNER
from app.contract.sql import load_sql
from archiver import retention
from bench.history.large_archive import Connection, LargeArchive, midnight

PAGE = 100  # items
DEEP_PAGE = 10_000
RUNS = 7
# No simulated user has enough events for DEEP_PAGE pages, so one is made.
HEAVY_USER = "heavy"

BUSIEST_COUNTER = load_sql("bench", "busiest_counter")
MAKE_HEAVY_USER = load_sql("bench", "make_heavy_user")


class QueryPlan(NamedTuple):
    """A query by name, the median of its execution time in ms, its plan as EXPLAIN prints it."""

    name: str
    milliseconds: float
    plan: str


def query_plans(archive: LargeArchive) -> Iterator[QueryPlan]:
    """The plans that the API's connections get; gives most events of one counter to HEAVY_USER first."""
    area, mode = archive.fetch(BUSIEST_COUNTER)[0]
    archive.fetch(MAKE_HEAVY_USER, HEAVY_USER, area, mode)
    # Only the days that have events: those ahead stay unanalysed, as they are in production.
    days = ", ".join(row["name"] for row in archive.fetch(retention.DAY_PARTITIONS) if row["day"] <= retention.today())
    archive.fetch(f"VACUUM ANALYZE {days}, area_mode_minutes")
    now = datetime.now(UTC)
    window = {"from": (now - timedelta(days=29)).isoformat(), "to": now.isoformat()}
    for name, filters in (
        ("a user", {"user_id": HEAVY_USER}),
        ("an area and mode in a time window", {"area_code": area, "multiplayer_mode": mode, **window}),
        ("the newest overall", {}),
        ("an area", {"area_code": area}),
        ("outcome=late", {"outcome": "late"}),
    ):
        yield from _events_plans(archive, name, filters)
    start = midnight(now - timedelta(days=1))
    day = [area, start, start + timedelta(days=1), 60, None]
    yield QueryPlan("GET /history: a day by the minute", *_explain(archive, MINUTES_QUERY, day))


def _events_plans(archive: LargeArchive, name: str, filters: dict[str, str]) -> Iterator[QueryPlan]:
    """The first page of GET /events and, where there are as many, page DEEP_PAGE."""
    for page in (1, DEEP_PAGE):
        params = dict(filters)
        if page > 1:
            cursor = _cursor_of_page(archive, filters, page)
            if cursor is None:
                return
            params["cursor"] = cursor
        request = Request({"type": "http", "query_string": urlencode(params).encode(), "headers": []})
        query, conditions = events_query(request)
        explained = _explain(archive, f"{query}LIMIT {PAGE + 1}", conditions.args)
        yield QueryPlan(f"GET /events: {name}, page {page:,}", *explained)


def _cursor_of_page(archive: LargeArchive, filters: dict[str, str], page: int) -> str | None:
    """The cursor of a page of PAGE items, reached by pages of a thousand; None when there are fewer."""
    cursor = None
    for _ in range((page - 1) * PAGE // 1000):
        params = filters | {"limit": "1000"} | ({"cursor": cursor} if cursor else {})
        cursor = archive.http.get("/events", params=params).raise_for_status().json()["next_cursor"]
        if cursor is None:
            return None
    return cursor


def _explain(archive: LargeArchive, query: str, args: list[Any]) -> tuple[float, str]:
    """(median execution time in ms, last plan) of RUNS runs as a prepared statement."""

    async def explain(connection: Connection) -> tuple[float, str]:
        await connection.execute(f"PREPARE question AS {query}")
        values = ", ".join("NULL" if arg is None else "'" + str(arg).replace("'", "''") + "'" for arg in args)
        execute = f"EXPLAIN (ANALYZE, BUFFERS) EXECUTE question{f'({values})' if args else ''}"
        plans = ["\n".join(row[0] for row in await connection.fetch(execute)) for _ in range(RUNS)]
        times = [float(plan.rpartition("Execution Time: ")[2].split()[0]) for plan in plans]
        return statistics.median(times), plans[-1]

    return archive.run(explain, **PLANNER)
