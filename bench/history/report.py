"""All measurements of a large archive, printed as docs/history.md has them."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.history.day_by_minute import read_day_by_minute
from bench.history.dropping import drop_days
from bench.history.exporting import export_all
from bench.history.large_archive import DAYS, LargeArchive
from bench.history.paging import page_through
from bench.history.query_plans import query_plans
from tests.servers import Stack

PAGED_ROWS = 100_000
DROPPED_DAYS = 5


def measure_history(events: int) -> None:
    """Fills an archive with about `events` events; prints each figure as soon as it is measured, the plans last."""
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder) / "data") as stack:
        archive = LargeArchive(stack)
        start = time.perf_counter()
        archive.fill(events)
        print(f"{events:,} events of {DAYS} days: written in {time.perf_counter() - start:.0f} s", flush=True)
        plans = list(query_plans(archive))
        print("\n| query | execution time, ms | sequential scans |\n| --- | --- | --- |")
        for name, milliseconds, plan in plans:
            print(f"| {name} | {milliseconds:.2f} | {plan.count('Seq Scan')} |")
        print()
        for line in _other_figures(archive):
            print(line, flush=True)
        for name, _, plan in plans:
            print(f"\n{name}\n\n{plan}")


def _other_figures(archive: LargeArchive) -> Iterator[str]:
    """A line for each measurement; the last one drops the oldest days."""
    day = read_day_by_minute(archive)
    yield f"GET /history of a day by the minute: {day.milliseconds:.1f} ms a request; equal to the events: {day.equal}"
    exported = export_all(archive)
    yield (
        f"Export of {exported.rows:,} rows: {exported.seconds:.0f} s, API at most {exported.peak_megabytes:.0f} MB;"
        f" GET /stats p99 {exported.busy_p99:.2f} ms meanwhile, {exported.idle_p99:.2f} ms without"
    )
    paging = page_through(archive, PAGED_ROWS)
    yield (
        f"{PAGED_ROWS:,} rows paged through while events are archived:"
        f" {paging.missing} missing, {paging.repeated} repeated, {paging.seconds:.1f} s"
    )
    dropping = drop_days(archive, DROPPED_DAYS)
    yield (
        f"Dropping a day: {dropping.longest_drop:.2f} s at most;"
        f" longest pause of the archive {dropping.longest_pause:.2f} s, without {dropping.usual_pause:.2f} s"
    )
