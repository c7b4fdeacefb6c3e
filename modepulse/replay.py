"""`modepulse replay`: posts a file of events, as fast as possible or re-timed to start now."""

import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from app.contract.event import validate_events
from modepulse.client import Client, PostTotals
from modepulse.progress import progress

BATCH_EVENTS = 500
Event = dict[str, Any]


class BadInput(Exception):
    """The file cannot be used. The message names the file and the line."""


@dataclass(frozen=True)
class Summary:
    """What the check of a file finds: its number of events, and the earliest epoch_timestamp (seconds) if any."""

    events: int
    first_timestamp: float | None


def replay(path: Path, client: Client, speed: float) -> PostTotals:
    """Posts the events of a file, after the whole file has been checked. Raises BadInput, PostFailed.

    Speed 0: as fast as possible, with the server's time. Else the first event happens now, and the others follow
    `speed` times as fast as they did.
    """
    summary = _check(path, timed=speed > 0)
    batches = _timed_batches(path, summary, speed) if speed > 0 else _batches(path)
    with progress() as bar:
        task = bar.add_task("replay", total=summary.events)
        for batch in batches:
            client.post(batch)
            bar.advance(task, len(batch))
    return client.totals


def _check(path: Path, timed: bool) -> Summary:
    """Reads the whole file. Raises BadInput for the first event that the service would refuse."""
    count = 0
    first = None
    for line, event in _read(path):
        errors = validate_events([event], float("inf"), [], many=False).errors
        if errors:
            raise BadInput(f"{path}:{line}: {errors[0]['message']}")
        stamp = event.get("epoch_timestamp")
        if timed and stamp is None:
            raise BadInput(f"{path}:{line}: epoch_timestamp is required to re-time history")
        first = stamp if first is None else min(first, stamp) if stamp is not None else first
        count += 1
    if not count:
        raise BadInput(f"{path}: holds no event")
    return Summary(count, first)


def _batches(path: Path) -> Iterator[list[Event]]:
    """The events without their time, so that the server gives them its own."""
    batch = []
    for _, event in _read(path):
        event.pop("epoch_timestamp", None)
        batch.append(event)
        if len(batch) == BATCH_EVENTS:
            yield batch
            batch = []
    if batch:
        yield batch


def _timed_batches(path: Path, summary: Summary, speed: float) -> Iterator[list[Event]]:
    """Each batch holds the events that have become due; sleeps until the next one is."""
    start = time.time()
    assert summary.first_timestamp is not None
    batch: list[Event] = []
    for _, event in _read(path):
        at = start + (event["epoch_timestamp"] - summary.first_timestamp) / speed
        ahead = at - time.time()
        if batch and (ahead > 0 or len(batch) == BATCH_EVENTS):
            yield batch
            batch = []
            ahead = at - time.time()
        if ahead > 0:
            time.sleep(ahead)
        batch.append(event | {"epoch_timestamp": round(at, 6)})
    if batch:
        yield batch


def _read(path: Path) -> Iterator[tuple[int, Event]]:
    """Yields (line number, event) of NDJSON, or of CSV with a header line. Raises BadInput."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            start = file.read(4096).lstrip()
            file.seek(0)
            if not start.startswith("{") and path.suffix.lower() not in (".ndjson", ".jsonl", ".json"):
                yield from _read_csv(path, file)
                return
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    event = orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    raise BadInput(f"{path}:{number}: not valid JSON: {error.msg}") from None
                if not isinstance(event, dict):
                    raise BadInput(f"{path}:{number}: an event is a JSON object")
                yield number, event
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: is not UTF-8 text") from None


def _read_csv(path: Path, file: Any) -> Iterator[tuple[int, Event]]:
    reader = csv.DictReader(file)
    try:
        for row in reader:
            if None in row or None in row.values():
                raise BadInput(f"{path}:{reader.line_num}: has not as many columns as the header line")
            event: Event = dict(row)
            stamp = event.pop("epoch_timestamp", "").strip()
            if stamp:
                try:
                    event["epoch_timestamp"] = float(stamp)
                except ValueError:
                    raise BadInput(f"{path}:{reader.line_num}: epoch_timestamp is not a number") from None
            yield reader.line_num, event
    except csv.Error as error:
        raise BadInput(f"{path}:{reader.line_num}: {error}") from None
