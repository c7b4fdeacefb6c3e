"""GET /history of a whole day by the minute: how long it takes, and whether it agrees with the events."""

import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from app.contract.sql import load_sql
from bench.history.large_archive import LargeArchive, midnight

AREA = "101"
DAY_SECONDS = 86_400
RUNS = 21

COUNTS_BY_MINUTE = load_sql("bench", "counts_by_minute")


class DayByMinute(NamedTuple):
    """The median of a request's time in ms; whether each minute with events has their sum as its count."""

    milliseconds: float
    equal: bool


def read_day_by_minute(archive: LargeArchive) -> DayByMinute:
    """Reads a day of AREA, three days ago, RUNS times."""
    start = midnight(datetime.now(UTC) - timedelta(days=3)).timestamp()
    params: dict[str, Any] = {"area_code": AREA, "from": start, "to": start + DAY_SECONDS}
    times = []
    for _ in range(RUNS):
        sent = time.perf_counter()
        response = archive.http.get("/history", params=params).raise_for_status()
        times.append((time.perf_counter() - sent) * 1000)
    series = {mode: dict(points) for mode, points in response.json()["series"].items()}
    equal = all(
        series[row["multiplayer_mode"]][row["minute"]] == row["count"]
        for row in archive.fetch(COUNTS_BY_MINUTE, AREA)
        if start <= row["minute"] < start + DAY_SECONDS
    )
    return DayByMinute(statistics.median(times), equal)
