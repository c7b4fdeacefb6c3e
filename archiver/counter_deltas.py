"""What a batch of events changes: the counters, and the minutes of event time in which they change."""

from typing import Any

MINUTE_US = 60_000_000

# (area_code, multiplayer_mode, minutes since 1970) -> [change, rise, logins]: what the counter changed by in that
# minute, how far it rose above its value at the minute's start (0 if it never did), the sum of the positive deltas.
# The events are taken in the order of the log. A list, as every event of a batch changes one.
MinuteDeltas = dict[tuple[bytes, bytes, int], list[int]]
# An array that a statement unnests: names or numbers.
Column = list[Any]


def add_delta(deltas: MinuteDeltas, area: bytes, mode: bytes, time_us: int, delta: int) -> None:
    """Adds an event that changes a counter; `time_us` is its time in microseconds since 1970."""
    key = (area, mode, time_us // MINUTE_US)
    minute = deltas.get(key)
    if minute is None:
        deltas[key] = [delta, delta, delta] if delta > 0 else [delta, 0, 0]
        return
    minute[0] += delta
    if delta > 0:
        minute[2] += delta
        if minute[0] > minute[1]:
            minute[1] = minute[0]


def unnest_args(deltas: MinuteDeltas) -> tuple[list[Column], list[Column]]:
    """The arguments of add_deltas.sql and of add_minutes.sql, sorted: all writers lock rows in the same order."""
    keys = sorted(deltas)
    areas = [area.decode() for area, _, _ in keys]
    modes = [mode.decode() for _, mode, _ in keys]
    numbers = [number for _, _, number in keys]
    counts = [deltas[key] for key in keys]
    changes = [change for change, _, _ in counts]
    rises = [rise for _, rise, _ in counts]
    logins = [logged_in for _, _, logged_in in counts]
    sums: dict[tuple[str, str], int] = {}
    for area, mode, change in zip(areas, modes, changes, strict=True):
        sums[area, mode] = sums.get((area, mode), 0) + change
    counters: list[Column] = [[area for area, _ in sums], [mode for _, mode in sums], list(sums.values())]
    return counters, [areas, modes, numbers, changes, rises, logins]
