"""GET /events as a file: the same rows as the pages, few at a time, ended with its client."""

import asyncio
import csv
import io
import json
import time
from datetime import datetime
from typing import Any

import asyncpg
import httpx2
import pytest

from app.archive.pool import EXPORT_LOCK
from tests.conftest import SAME_ON_EVERY_SERVER
from tests.faults.load import wait_until_archived
from tests.http_client import audit, event, problem
from tests.integration.archived_events import archive_events
from tests.servers import Stack, eventually

pytestmark = SAME_ON_EVERY_SERVER


Item = dict[str, Any]


def test_exports_hold_what_the_pages_hold(http: httpx2.Client, area: int) -> None:
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


def test_export_for_spreadsheets_has_no_formula_and_readable_times(http: httpx2.Client, area: int) -> None:
    names = ["=HYPERLINK(1)", "+1+1", "-1", "@SUM(1)", "007", f'Zürich "{area}", 日本']
    sent = [event(area, mode=name, epoch_timestamp=round(time.time(), 3)) | {"user_id": name} for name in names]
    http.post("/events", json=sent).raise_for_status()
    rows = eventually(lambda: len(found := audit(http, area_code=area)["items"]) == len(names) and found)
    sheet = http.get("/events", params={"area_code": area, "format": "excel"})
    assert sheet.headers["content-type"].startswith("text/csv; charset=utf-8")
    assert sheet.headers["content-disposition"].endswith('Z.csv"')
    assert sheet.headers["cache-control"] == "no-store"
    assert sheet.content.startswith(b"\xef\xbb\xbfevent_id,")
    assert sheet.content.count(b"\r\n") == sheet.content.count(b"\n") == len(names) + 1
    read = list(csv.DictReader(io.StringIO(sheet.content.decode("utf-8-sig"), newline="")))
    for cells, row in zip(read, rows, strict=True):
        quoted = "'" * row["user_id"].startswith(("=", "+", "-", "@"))
        assert cells["user_id"] == cells["multiplayer_mode"] == quoted + row["user_id"]
        assert (cells["area_code"], cells["delta"]) == (str(area), "1")
        for name in ("epoch_timestamp", "recorded_at"):
            assert datetime.fromisoformat(cells[name]).timestamp() == pytest.approx(row[name], abs=1e-6)
    plain = http.get("/events", params={"area_code": area, "format": "csv"})
    assert "=HYPERLINK(1)" in [cells["user_id"] for cells in csv.DictReader(io.StringIO(plain.text, newline=""))]


def test_exports_at_a_time_are_limited_for_all_processes(http: httpx2.Client, stack: Stack) -> None:
    async def occupied() -> httpx2.Response:
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


def test_export_whose_client_hangs_up_is_ended(stack: Stack, http: httpx2.Client) -> None:
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
