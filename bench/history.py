"""`scripts/bench --history`: what is asked of a large archive, while it grows and while days are dropped from it."""

import asyncio
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import asyncpg
import httpx
from starlette.requests import Request

from app.api.audit_events import events_query
from app.api.history import MINUTES_QUERY
from app.archive.pool import PLANNER
from archiver import retention
from archiver.postgres import connect
from bench.inputs import bodies
from bench.load import Pace, kilobytes
from tests.servers import Stack, eventually

DAYS = 30
PAGE = 100
DEEP_PAGE = 10_000
# The user of the questions: one with enough events for ten thousand pages does not play, so it is made one.
HEAVY_USER = "heavy"


class Archive:
    """The archive of one stack, and what is measured on it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.http = httpx.Client(base_url=stack.url, timeout=600)

    def ask(self, job: Callable[[Any], Any], **settings: str) -> Any:
        async def run() -> Any:
            connection = await asyncpg.connect(
                self.stack.run["postgres_dsn"], statement_cache_size=0, server_settings=settings
            )
            try:
                return await job(connection)
            finally:
                await connection.close()

        return asyncio.run(run())

    def fetch(self, query: str, *args: Any) -> Any:
        return self.ask(lambda connection: connection.fetch(query, *args))


def fill(stack: Stack, events: int) -> None:
    subprocess.run(
        [sys.executable, "-m", "modepulse", "simulate", "--to-postgres", "--events", str(events), "--days", str(DAYS),
         "--seed", "1", "--data-dir", str(stack.directory)],
        check=True,
    )  # fmt: skip


def plans(archive: Archive) -> Iterator[tuple[str, float, str]]:
    """(question, its execution time in ms, its plan), as the API's connections plan it."""
    area, mode = archive.fetch(
        "SELECT area_code, multiplayer_mode FROM area_mode_events GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT 1"
    )[0]
    archive.fetch(
        "UPDATE area_mode_events SET user_id = $1 WHERE area_code = $2 AND multiplayer_mode = $3",
        HEAVY_USER,
        area,
        mode,
    )
    names = ", ".join(row["name"] for row in archive.fetch(retention.DAY_PARTITIONS) if row["day"] <= retention.today())
    archive.fetch(f"VACUUM ANALYZE {names}, area_mode_minutes")
    now = datetime.now(UTC)
    window = {"from": (now - timedelta(days=29)).isoformat(), "to": now.isoformat()}
    for name, filters in (
        ("a user", {"user_id": HEAVY_USER}),
        ("an area and mode in a time window", {"area_code": area, "multiplayer_mode": mode, **window}),
        ("the newest overall", {}),
        ("an area", {"area_code": area}),
        ("outcome=late", {"outcome": "late"}),
    ):
        for page in (1, DEEP_PAGE):
            params: dict[str, str] = dict(filters)
            if page > 1:
                cursor = _cursor_before(archive, filters, page)
                if cursor is None:
                    continue
                params["cursor"] = cursor
            query, conditions = events_query(_request(params))
            times, plan = _explain(archive, f"{query}LIMIT {PAGE + 1}", conditions.args)
            yield f"GET /events: {name}, page {page:,}", times, plan
    begin = (now - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    times, plan = _explain(archive, MINUTES_QUERY, [area, begin, begin + timedelta(days=1), 60, None])
    yield "GET /history: a day by the minute", times, plan


def _request(params: dict[str, str]) -> Request:
    return Request({"type": "http", "query_string": urlencode(params).encode(), "headers": []})


def _cursor_before(archive: Archive, filters: dict[str, str], page: int) -> str | None:
    """The cursor to a page, by pages of a thousand: there is no shorter way to it."""
    cursor = None
    for _ in range((page - 1) * PAGE // 1000):
        params: dict[str, str] = filters | {"limit": "1000"} | ({"cursor": cursor} if cursor else {})
        cursor = archive.http.get("/events", params=params).raise_for_status().json()["next_cursor"]
        if cursor is None:
            return None
    return cursor


def _explain(archive: Archive, query: str, args: list[Any]) -> tuple[float, str]:
    async def explain(connection: Any) -> tuple[float, str]:
        await connection.execute(f"PREPARE question AS {query}")
        values = ", ".join("NULL" if arg is None else "'" + str(arg).replace("'", "''") + "'" for arg in args)
        execute = f"EXPLAIN (ANALYZE, BUFFERS) EXECUTE question{f'({values})' if args else ''}"
        runs = ["\n".join(row[0] for row in await connection.fetch(execute)) for _ in range(7)]
        times = [float(run.rpartition("Execution Time: ")[2].split()[0]) for run in runs]
        return statistics.median(times), runs[-1]

    found: tuple[float, str] = archive.ask(explain, **PLANNER)
    return found


def history_of_a_day(archive: Archive) -> tuple[float, bool]:
    """(ms of a request, whether its counts are those of the events)"""
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
    params: dict[str, Any] = {"area_code": "101", "from": day.timestamp(), "to": day.timestamp() + 86_400}
    times = []
    for _ in range(21):
        start = time.perf_counter()
        answer = archive.http.get("/history", params=params).raise_for_status()
        times.append((time.perf_counter() - start) * 1000)
    series = answer.json()["series"]
    counted = archive.fetch(
        """
        SELECT multiplayer_mode, minute, sum(change) OVER (PARTITION BY multiplayer_mode ORDER BY minute)::int AS count
        FROM (
            SELECT multiplayer_mode, floor(epoch_timestamp / 60)::bigint * 60 AS minute, sum(delta) AS change
            FROM area_mode_events WHERE area_code = '101' GROUP BY 1, 2
        ) AS changes
        """
    )
    known = {(row["multiplayer_mode"], row["minute"]): row["count"] for row in counted}
    points = {mode: dict(points) for mode, points in series.items()}
    equal = all(
        points[mode][minute] == count
        for (mode, minute), count in known.items()
        if day.timestamp() <= minute < day.timestamp() + 86_400
    )
    return statistics.median(times), equal


@contextmanager
def archiving(archive: Archive, rate: float) -> Iterator[list[float]]:
    """Events are posted and archived meanwhile; afterwards the list holds how long each pause of the archive was."""
    pauses: list[float] = []
    stop = threading.Event()

    async def watch() -> None:
        connection = await asyncpg.connect(archive.stack.run["postgres_dsn"])
        at, seen = time.perf_counter(), None
        while not stop.is_set():
            position = await connection.fetchval("SELECT (last_ms, last_seq)::text FROM archive_checkpoint")
            if position != seen:
                pauses.append(time.perf_counter() - at)
                at, seen = time.perf_counter(), position
            await asyncio.sleep(0.01)
        pauses.append(time.perf_counter() - at)
        await connection.close()

    thread = threading.Thread(target=lambda: asyncio.run(watch()))
    with Pace(archive.stack.port, bodies(100, 100, seed=3), rate / 100).running() as pace:
        eventually(lambda: pace.answered > 50)
        thread.start()
        try:
            yield pauses
        finally:
            stop.set()
            thread.join()


def drop_days(archive: Archive, count: int) -> tuple[float, float, float]:
    """(longest seconds that dropping a day took, longest pause of the archive meanwhile, and without)"""
    with archiving(archive, 5000) as before:
        time.sleep(5)
    taken = []
    with archiving(archive, 5000) as pauses:
        for number in range(count):

            async def drop(_: Any, keep: int = DAYS - 1 - number) -> float:
                connection = await connect(archive.stack.run["postgres_dsn"], patient=True)
                start = time.perf_counter()
                await retention.drop_old(connection, keep, 10_000)
                connection.terminate()
                return time.perf_counter() - start

            taken.append(archive.ask(drop))
            time.sleep(1)
    return max(taken), max(pauses[1:]), max(before[1:])


def page_through(archive: Archive, rows: int) -> tuple[int, int, float]:
    """(rows missing, rows twice, seconds) of paging through `rows` of the newest events while others are archived."""
    before = archive.fetch(
        "SELECT event_id::text FROM area_mode_events ORDER BY epoch_timestamp DESC, event_id DESC LIMIT $1", rows
    )
    wanted = {row["event_id"] for row in before}
    seen: list[str] = []
    cursor = None
    with archiving(archive, 5000):
        start = time.perf_counter()
        while len(seen) < 2 * rows:
            params: dict[str, Any] = {"limit": PAGE} | ({"cursor": cursor} if cursor else {})
            page = archive.http.get("/events", params=params).raise_for_status().json()
            seen += [item["event_id"] for item in page["items"]]
            cursor = page["next_cursor"]
            if before[-1]["event_id"] in seen[-PAGE:]:
                break
        seconds = time.perf_counter() - start
    return len(wanted - set(seen)), len(seen) - len(set(seen)), seconds


def export(archive: Archive, form: str) -> tuple[int, float, float, float, float]:
    """(rows, seconds, MB of the API at most, p99 ms of GET /stats meanwhile, and without)"""
    stats = httpx.Client(base_url=archive.stack.url)

    def reads(while_: Callable[[], bool]) -> float:
        times = []
        while while_():
            start = time.perf_counter()
            stats.get("/stats?area_code=101")
            times.append((time.perf_counter() - start) * 1000)
            time.sleep(random.uniform(0, 0.005))
        return sorted(times)[len(times) * 99 // 100]

    until = time.perf_counter() + 5
    idle = reads(lambda: time.perf_counter() < until)
    found: list[tuple[int, float]] = []

    def save() -> None:
        start = time.perf_counter()
        with archive.http.stream("GET", "/events", params={"format": form}) as response:
            rows = sum(chunk.count(b"\n") for chunk in response.iter_raw())
        found.append((rows, time.perf_counter() - start))

    thread = threading.Thread(target=save)
    thread.start()
    busy = reads(thread.is_alive)
    megabytes = kilobytes(archive.stack.run["pids"]["api"], "VmHWM") / 1024
    return *found[0], megabytes, busy, idle


def main(events: int) -> None:
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder) / "data") as stack:
        start = time.perf_counter()
        fill(stack, events)
        print(f"{events:,} events of {DAYS} days: written in {time.perf_counter() - start:.0f} s")
        archive = Archive(stack)
        asked = list(plans(archive))
        print("\n| question | execution time, ms | sequential scans |\n| --- | --- | --- |")
        for name, milliseconds, plan in asked:
            print(f"| {name} | {milliseconds:.2f} | {plan.count('Seq Scan')} |")
        milliseconds, equal = history_of_a_day(archive)
        print(f"\nGET /history of a day by the minute: {milliseconds:.1f} ms a request; equal to the events: {equal}")
        rows, seconds, megabytes, busy, idle = export(archive, "ndjson")
        print(
            f"Export of {rows:,} rows: {seconds:.0f} s, API at most {megabytes:.0f} MB; GET /stats p99 {busy:.2f} ms"
            f" meanwhile, {idle:.2f} ms without"
        )
        missing, twice, seconds = page_through(archive, 100_000)
        print(
            f"100,000 rows paged through while events are archived: {missing} missing, {twice} twice, {seconds:.1f} s"
        )
        dropping, pause, usual = drop_days(archive, 5)
        print(f"Dropping a day: {dropping:.2f} s; longest pause of the archive {pause:.2f} s, without {usual:.2f} s")
        for name, _, plan in asked:
            print(f"\n{name}\n\n{plan}")
