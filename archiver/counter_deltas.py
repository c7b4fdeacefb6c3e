"""What a batch of events changes: the counters, and the minutes of event time in which they change."""

from collections.abc import Iterable
from typing import Any

MINUTE_US = 60_000_000

# (area_code, multiplayer_mode, minutes since 1970) -> [change, how far it rose above its begin, log-ins], the
# events taken in the order of the log
MinuteDeltas = dict[tuple[bytes, bytes, int], list[int]]
# Of an argument that is an array: names or numbers.
Column = list[Any]


def add_delta(changes: MinuteDeltas, area: bytes, mode: bytes, time_us: int, delta: int) -> None:
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


def add_rows(changes: MinuteDeltas, rows: Iterable[Any]) -> None:
    """Adds rows (area_code, multiplayer_mode, epoch_timestamp, delta) of area_mode_events, in the order of the log."""
    for area, mode, seconds, delta in rows:
        add_delta(changes, area.encode(), mode.encode(), round(seconds * 1_000_000), delta)


def columns_of(changes: MinuteDeltas) -> tuple[list[Column], list[Column]]:
    """The arguments of add_deltas.sql and of add_minutes.sql; sorted, so that writers meet in one order."""
    keys = sorted(changes)
    areas = [area.decode() for area, _, _ in keys]
    modes = [mode.decode() for _, mode, _ in keys]
    counts = [changes[key] for key in keys]
    changed = [count[0] for count in counts]
    sums: dict[tuple[str, str], int] = {}
    for area, mode, change in zip(areas, modes, changed, strict=True):
        sums[area, mode] = sums.get((area, mode), 0) + change
    deltas: list[Column] = [[area for area, _ in sums], [mode for _, mode in sums], list(sums.values())]
    minutes = [minute for _, _, minute in keys]
    return deltas, [areas, modes, minutes, changed, [count[1] for count in counts], [count[2] for count in counts]]
