"""What a batch of events changes: the counters, and the minutes of event time in which they change."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

MINUTE_US = 60_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# (area_code, multiplayer_mode, minutes since 1970) -> [change, how far it rose above its begin, log-ins], the
# events taken in the order of the log
Changes = dict[tuple[bytes, bytes, int], list[int]]


def count(changes: Changes, area: bytes, mode: bytes, time_us: int, delta: int) -> None:
    """Adds an event that changes a counter."""
    key = (area, mode, time_us // MINUTE_US)
    minute = changes.get(key)
    if minute is None:
        changes[key] = [delta, delta, delta] if delta > 0 else [delta, 0, 0]
        return
    minute[0] += delta
    if delta > 0:
        minute[2] += delta
        if minute[0] > minute[1]:
            minute[1] = minute[0]


def count_rows(changes: Changes, rows: Iterable[Any]) -> None:
    """Adds rows (area_code, multiplayer_mode, epoch_timestamp, delta) of area_mode_events, in the order of the log."""
    for area, mode, seconds, delta in rows:
        count(changes, area.encode(), mode.encode(), round(seconds * 1_000_000), delta)


def columns_of(changes: Changes) -> tuple[list[list[Any]], list[list[Any]]]:
    """The arguments of add_deltas.sql and of add_minutes.sql; sorted, so that writers meet in one order."""
    sums: dict[tuple[bytes, bytes], int] = {}
    minutes = []
    for (area, mode, minute), (change, rise, logins) in sorted(changes.items()):
        sums[area, mode] = sums.get((area, mode), 0) + change
        minutes.append((area.decode(), mode.decode(), _EPOCH + timedelta(minutes=minute), change, rise, logins))
    deltas = [(area.decode(), mode.decode(), change) for (area, mode), change in sums.items()]
    return [list(column) for column in zip(*deltas, strict=True)], [list(c) for c in zip(*minutes, strict=True)]
