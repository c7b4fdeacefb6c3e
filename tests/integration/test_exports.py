"""GET /events as a file: the same rows as the pages, few at a time, ended with its client."""

import asyncio
import csv
import io
import json
from typing import Any

import asyncpg
import httpx

from app.archive.pool import EXPORT_LOCK
from tests.conftest import SAME_ON_EVERY_SERVER
from tests.faults.load import wait_until_archived
from tests.http_client import event, problem
from tests.integration.archived_events import archive_events
from tests.servers import Stack, eventually

pytestmark = SAME_ON_EVERY_SERVER


Item = dict[str, Any]


def test_exports_hold_what_the_pages_hold(http: httpx.Client, area: int) -> None:
    odd = f'o "d,d" ü {area}'
    http.post("/events", json=event(area, mode=odd) | {"user_id": odd}).raise_for_status()
    rows = [row for row in archive_events(http, area, 700) if row["area_code"] == str(area)]
    assert any(row["user_id"] == odd for row in rows)
    for order, expected in (("desc", rows), ("asc", rows[::-1])):
        lines = http.get("/events", params={"area_code": area, "format": "ndjson", "order": order})
        assert [json.loads(line) for line in lines.text.splitlines()] == expected
        assert lines.headers["content-type"] == "application/x-ndjson"
        table = http.get("/events", params={"area_code": area, "format": "csv", "order": order})
        read = list(csv.reader(io.StringIO(table.text)))
        assert read[0] == list(rows[0])
        assert read[1:] == [[str(value) for value in row.values()] for row in expected]
        assert table.headers["content-type"].startswith("text/csv")
    for response, end in ((lines, "ndjson"), (table, "csv")):
        name = response.headers["content-disposition"]
        assert name.startswith('attachment; filename="modepulse-events-20')
        assert name.endswith(f'Z.{end}"')
    assert http.get("/events?format=csv&user_id=nobody").text.splitlines() == [",".join(rows[0])]
    assert http.get("/events?format=ndjson&user_id=nobody").text == ""
    assert len(http.get("/events?format=ndjson&limit=3").text.splitlines()) == 3
    head = http.head("/events?format=csv")
    assert (head.status_code, head.text) == (200, "")
    assert head.headers["content-disposition"].startswith("attachment")


def test_exports_at_a_time_are_limited_for_all_processes(http: httpx.Client, stack: Stack) -> None:
    async def occupied() -> httpx.Response:
        connection = await asyncpg.connect(stack.run["postgres_dsn"])
        try:
            for slot in range(2):
                assert await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", EXPORT_LOCK, slot)
            return await asyncio.to_thread(http.get, "/events?format=csv")
        finally:
            await connection.close()

    refused = asyncio.run(occupied())
    assert problem(refused, 429)["code"] == "too_many_exports"
    assert refused.headers["retry-after"]
    assert eventually(lambda: http.get("/events?format=csv&limit=1").status_code == 200)


def test_export_whose_client_hangs_up_is_ended(stack: Stack, http: httpx.Client) -> None:
    areas = [700_000 + n for n in range(10)]
    for _ in range(10):
        http.post("/events", json=[event(a, f"h{n}", mode="m" * 250) for a in areas for n in range(500)])
    wait_until_archived(stack)  # 20 MB: more than all buffers on the way hold

    def exporting() -> int:
        async def count() -> int:
            connection = await asyncpg.connect(stack.run["postgres_dsn"])
            try:
                return int(
                    await connection.fetchval(
                        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = $1", EXPORT_LOCK
                    )
                )
            finally:
                await connection.close()

        return asyncio.run(count())

    with http.stream("GET", "/events?format=ndjson") as response:
        chunks = response.iter_bytes()
        next(chunks)
        assert exporting() == 1
    eventually(lambda: exporting() == 0)
