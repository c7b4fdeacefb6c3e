"""Paging through the newest events while others are archived: no page may miss or repeat one."""

import time
from typing import Any, NamedTuple

from app.contract.sql import load_sql
from bench.history.archiving import archiving
from bench.history.large_archive import LargeArchive

PAGE = 100  # items
NEWEST_EVENTS = load_sql("bench", "newest_events")


class Paging(NamedTuple):
    """Events that no page had, events that two pages had, seconds for all pages."""

    missing: int
    repeated: int
    seconds: float


def page_through(archive: LargeArchive, rows: int) -> Paging:
    """Reads pages of GET /events until the oldest of the `rows` newest events is seen."""
    wanted = [row["event_id"] for row in archive.fetch(NEWEST_EVENTS, rows)]
    seen: list[str] = []
    cursor = None
    with archiving(archive):
        start = time.perf_counter()
        while len(seen) < 2 * rows and wanted[-1] not in seen[-PAGE:]:
            params: dict[str, Any] = {"limit": PAGE} | ({"cursor": cursor} if cursor else {})
            page = archive.http.get("/events", params=params).raise_for_status().json()
            seen += [item["event_id"] for item in page["items"]]
            cursor = page["next_cursor"]
        seconds = time.perf_counter() - start
    return Paging(len(set(wanted) - set(seen)), len(seen) - len(set(seen)), seconds)
