"""The export of all events: its speed and memory, and what GET /stats notices of it."""

import random
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import httpx2

from bench.history.large_archive import LargeArchive
from bench.load import percentile
from bench.process_stats import peak_kilobytes

IDLE_SECONDS = 5.0
MAX_PAUSE_SECONDS = 0.005


class Exporting(NamedTuple):
    """Rows and seconds of the export, the API's peak memory in MB, p99 in ms of GET /stats meanwhile and without."""

    rows: int
    seconds: float
    peak_megabytes: float
    busy_p99: float
    idle_p99: float


def export_all(archive: LargeArchive) -> Exporting:
    """Exports as NDJSON, and reads GET /stats before and meanwhile."""
    until = time.perf_counter() + IDLE_SECONDS
    idle_p99 = _stats_p99(archive, lambda: time.perf_counter() < until)
    exported: list[tuple[int, float]] = []

    def export() -> None:
        start = time.perf_counter()
        with archive.http.stream("GET", "/events", params={"format": "ndjson"}) as response:
            rows = sum(chunk.count(b"\n") for chunk in response.iter_raw())
        exported.append((rows, time.perf_counter() - start))

    thread = threading.Thread(target=export)
    thread.start()
    busy_p99 = _stats_p99(archive, thread.is_alive)
    peak = peak_kilobytes(archive.stack.run["pids"]["api"]) / 1024
    return Exporting(*exported[0], peak, busy_p99, idle_p99)


def _stats_p99(archive: LargeArchive, running: Callable[[], bool]) -> float:
    """The p99 in ms of GET /stats, read one after the other while `running` is true."""
    times = []
    with httpx2.Client(base_url=archive.stack.url) as http:
        while running():
            start = time.perf_counter()
            http.get("/stats?area_code=101")
            times.append((time.perf_counter() - start) * 1000)
            time.sleep(random.uniform(0, MAX_PAUSE_SECONDS))
    return percentile(times, 99)
