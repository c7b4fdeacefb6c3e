"""GET /events: filters, order, pages, files."""

import asyncio
import csv
import io
import json
import random
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.archive.pool import EXPORT_LOCK
from modepulse.launcher.child_process import free_port
from tests.faults.load import wait_until_archived
from tests.http_client import event, problem
from tests.servers import Stack, eventually

Item = dict[str, Any]


def audit(http: httpx.Client, **params: Any) -> Any:
    return http.get("/events", params=params).raise_for_status().json()


def pages(http: httpx.Client, **params: Any) -> list[Item]:
    """All items, page after page."""
    found: list[Item] = []
    while True:
        page = audit(http, **params)
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        params["cursor"] = page["next_cursor"]


def history(http: httpx.Client, area: int, count: int = 60) -> list[Item]:
    """Posts events of two areas with every outcome, some of them at the same time; returns their rows, newest first."""
    chance = random.Random(area)
    now = round(time.time())
    events = [
        event(
            area + chance.choice((0, 1_000_000)),
            f"u{chance.randrange(4)}",
            chance.choice(("LOGIN", "LOGOUT", "HEARTBEAT")),
            chance.choice(("duel", "ctf")),
            epoch_timestamp=now - chance.choice((chance.randrange(20), 5, 86_400)),
        )
        for _ in range(count)
    ]
    http.post("/events", json=events).raise_for_status()
    http.post("/events", json=event(area, "last")).raise_for_status()
    # Everything before the last event is archived when it is.
    eventually(lambda: audit(http, user_id=f"last@{area}")["items"])
    rows = [item for a in (area, area + 1_000_000) for item in pages(http, area_code=a, limit=1000)]
    return sorted(rows, key=lambda item: (item["epoch_timestamp"], item["event_id"]), reverse=True)


def test_an_event_is_shown_as_it_was_taken(http: httpx.Client, area: int) -> None:
    before = round(time.time(), 3)
    http.post("/events", json=event(area, "ann", epoch_timestamp=before - 1.5)).raise_for_status()
    (item,) = eventually(lambda: audit(http, area_code=area)["items"])
    assert before - 0.01 < item.pop("recorded_at") < time.time()
    assert len(item.pop("event_id")) == 36
    assert item == {
        "area_code": str(area),
        "multiplayer_mode": "duel",
        "user_id": f"ann@{area}",
        "events_name": "LOGIN",
        "epoch_timestamp": before - 1.5,
        "delta": 1,
        "outcome": "applied",
    }


def test_filters_combine(http: httpx.Client, area: int) -> None:
    rows = history(http, area)
    assert {row["outcome"] for row in rows} >= {"applied", "stale", "late"}
    middle = rows[len(rows) // 3]["epoch_timestamp"]
    choices: dict[str, list[Any]] = {
        "area_code": [area],
        "multiplayer_mode": ["duel", None],
        "user_id": [f"u1@{area}", None],
        "events_name": ["logout", None],
        "outcome": ["applied", "late", None],
        "from": [middle, None],
        "to": [middle, datetime.fromtimestamp(middle, UTC).isoformat(), None],
    }
    chance = random.Random(1)
    for _ in range(60):
        params = {name: value for name, some in choices.items() if (value := chance.choice(some)) is not None}
        expected = [
            row
            for row in rows
            if row["area_code"] == str(area)
            and row["multiplayer_mode"] == params.get("multiplayer_mode", row["multiplayer_mode"])
            and row["user_id"] == params.get("user_id", row["user_id"])
            and row["events_name"] == str(params.get("events_name", row["events_name"])).upper()
            and row["outcome"] == params.get("outcome", row["outcome"])
            and ("from" not in params or row["epoch_timestamp"] >= middle)
            and ("to" not in params or row["epoch_timestamp"] < middle)
        ]
        assert audit(http, **params, limit=1000) == {"items": expected, "next_cursor": None}, params


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_pages_put_together_are_the_whole(http: httpx.Client, area: int, order: str, limit: int) -> None:
    rows = [row for row in history(http, area) if row["area_code"] == str(area)]
    times = [row["epoch_timestamp"] for row in rows]
    assert len(set(times)) < len(times), "some are at the same time"
    begin, end = times[-3], times[3]
    assert pages(http, area_code=area, order=order, limit=limit) == (rows if order == "desc" else rows[::-1])
    inside = [row for row in rows if begin <= row["epoch_timestamp"] < end]
    window = {"area_code": area, "order": order, "limit": limit, "from": begin, "to": end}
    assert pages(http, **window) == (inside if order == "desc" else inside[::-1])


def test_paging_while_events_are_archived_misses_and_doubles_nothing(http: httpx.Client, stack: Stack) -> None:
    mode = "paged"
    areas = [600_000 + n for n in range(20)]
    before = [event(area, f"b{n}", mode=mode) for area in areas for n in range(150)]
    http.post("/events", json=before).raise_for_status()
    eventually(lambda: len(pages(http, multiplayer_mode=mode, limit=1000)) == len(before))
    stop = threading.Event()
    posted: list[str] = []

    def post() -> None:
        with httpx.Client(base_url=stack.url, timeout=10) as client:
            while not stop.is_set():
                at = round(time.time() - len(posted) % 100, 3)
                some = [event(area, f"w{len(posted)}", mode=mode) | {"epoch_timestamp": at} for area in areas]
                client.post("/events", json=some).raise_for_status()
                posted.extend(item["user_id"] for item in some)

    thread = threading.Thread(target=post)
    thread.start()
    try:
        eventually(lambda: audit(http, user_id=posted[0])["items"] if posted else None)
        for order in ("desc", "asc"):
            found = pages(http, multiplayer_mode=mode, limit=50, order=order)
            identities = [item["event_id"] for item in found]
            assert len(set(identities)) == len(identities)
            assert {e["user_id"] for e in before} <= {item["user_id"] for item in found}
            keys = [(item["epoch_timestamp"], item["event_id"]) for item in found]
            assert keys == sorted(keys, reverse=order == "desc")
    finally:
        stop.set()
        thread.join()
    total = len(before) + len(posted)
    eventually(lambda: len(pages(http, multiplayer_mode=mode, limit=1000)) == total)


def test_changed_or_foreign_cursors_are_refused(http: httpx.Client, area: int) -> None:
    rows = history(http, area)
    params = {"area_code": area, "limit": 1}
    cursor = audit(http, **params)["next_cursor"]
    assert audit(http, **params, cursor=cursor)["items"] == [[r for r in rows if r["area_code"] == str(area)][1]]
    for index in (0, len(cursor) // 2, len(cursor) - 1):  # each one: tests/unit/test_cursor.py
        other = "B" if cursor[index] != "B" else "C"
        changed = cursor[:index] + other + cursor[index + 1 :]
        refused = problem(http.get("/events", params={**params, "cursor": changed}), 400)
        assert refused["code"] == "invalid_cursor"
        assert refused["errors"][0]["loc"] == ["query", "cursor"]
    for foreign in ({"area_code": area + 1}, {"order": "asc"}, {"user_id": "x"}, {"from": 1}, {"outcome": "late"}):
        assert problem(http.get("/events", params={**params, **foreign, "cursor": cursor}), 400)
    for nonsense in ("", "x", cursor + "A", cursor * 2, "ü" * len(cursor), "%00"):
        assert problem(http.get("/events", params={**params, "cursor": nonsense}), 400)
    assert problem(http.get("/users/u/history", params={"cursor": cursor}), 400)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("order=up", "order"),
        ("format=xml", "format"),
        ("events_name=JOIN", "events_name"),
        ("outcome=good", "outcome"),
        ("area_code=", "area_code"),
        ("area_code=a|b", "area_code"),
        ("user_id=%00", "user_id"),
        ("area_code=1&area_code=2", "area_code"),
        ("from=yesterday", "from"),
        ("from=-1", "from"),
        ("from=nan", "from"),
        ("from=1e5", "from"),
        ("to=99999999999999", "to"),
        ("to=2026-13-01", "to"),
        ("from=2&to=1", "to"),
        ("area=1", "area"),
    ],
)
def test_bad_question_is_named(http: httpx.Client, query: str, name: str) -> None:
    refused = problem(http.get(f"/events?{query}"), 422)
    assert refused["errors"][0]["loc"] == ["query", name]


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T08:00:00Z",
        "2026-11-24T10:00:00+02:00",
        "2026-11-24T10:00:00%2B02:00",
        "2026-11-24 08:00",
        "20261124T08",
    ],
)
def test_times_are_seconds_or_iso_8601(http: httpx.Client, area: int, text: str) -> None:
    moment = datetime(2026, 11, 24, 8, tzinfo=UTC).timestamp()
    cursors = {
        http.get(f"/events?limit=1&from={begin}&to=2999-01-01").json()["next_cursor"] for begin in (text, moment)
    }
    assert len(cursors) == 1, "the same question, so the same cursor"


def test_exports_hold_what_the_pages_hold(http: httpx.Client, area: int) -> None:
    odd = f'o "d,d" ü {area}'
    http.post("/events", json=event(area, mode=odd) | {"user_id": odd}).raise_for_status()
    rows = [row for row in history(http, area, 700) if row["area_code"] == str(area)]
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


def test_export_for_spreadsheets_has_no_formula_and_readable_times(http: httpx.Client, area: int) -> None:
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


def test_a_question_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    with Stack(tmp_path / "data", query_timeout_seconds="0.2") as stack:
        http = httpx.Client(base_url=stack.url, timeout=10)
        http.post("/events", json=event(1)).raise_for_status()
        eventually(lambda: audit(http)["items"])

        async def locked() -> httpx.Response:
            connection = await asyncpg.connect(stack.run["postgres_dsn"])
            try:
                async with connection.transaction():
                    await connection.execute("LOCK TABLE area_mode_events IN ACCESS EXCLUSIVE MODE")
                    return await asyncio.to_thread(http.get, "/events")
            finally:
                await connection.close()

        assert problem(asyncio.run(locked()), 503)["code"] == "query_timeout"
        assert audit(http)["items"]
        http.close()


def test_the_replica_is_asked_where_there_is_one_and_its_end_harms_nothing_else(tmp_path: Path) -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    with Stack(tmp_path / "data", postgres_read_dsn=nowhere) as stack:
        http = httpx.Client(base_url=stack.url, timeout=10)
        http.post("/events", json=event(1)).raise_for_status()
        for path in ("/events", "/events?format=csv", "/history?area_code=1", "/users/u/history"):
            refused = http.get(path)
            assert problem(refused, 503)["code"] == "archive_unavailable"
            assert refused.headers["retry-after"]
        assert http.get("/stats?area_code=1").json() == {"1": [{"multiplayer_mode": "duel", "count": 1}]}
        http.close()


def test_questions_are_answered_again_when_postgres_is_back(own_stack: Stack) -> None:
    with own_stack as stack:
        http = httpx.Client(base_url=stack.url, timeout=10)
        http.post("/events", json=event(1)).raise_for_status()
        eventually(lambda: audit(http)["items"])
        stack.kill("postgres")
        eventually(lambda: http.get("/events").status_code == 503, 5)
        eventually(lambda: http.get("/events").status_code == 200, 30)
        http.close()
