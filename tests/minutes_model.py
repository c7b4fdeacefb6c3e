"""An independent reading of the history: the minutes, counted anew from the events."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

EVENTS = """
    SELECT area_code, multiplayer_mode, epoch_timestamp, delta FROM area_mode_events
    WHERE delta <> 0 ORDER BY stream_ms, stream_seq, event_id
"""
MINUTES = """
    SELECT area_code, multiplayer_mode, extract(epoch FROM minute)::bigint AS minute,
        last::int, peak::int, logins::int, logouts::int
    FROM area_mode_minutes ORDER BY 1, 2, 3
"""
Minute = tuple[str, str, int, int, int, int, int]


def minutes_of(events: Iterable[Any]) -> list[Minute]:
    """(area, mode, minute as seconds since 1970, last, peak, logins, logouts) as the events leave them."""
    deltas: dict[tuple[str, str], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for area, mode, at, delta in events:
        deltas[area, mode][int(round(at * 1e6) // 60_000_000) * 60].append(delta)
    found = []
    for (area, mode), of_minute in sorted(deltas.items()):
        players = 0
        for minute, changes in sorted(of_minute.items()):
            counts = [players]
            for change in changes:
                counts.append(counts[-1] + change)
            players = counts[-1]
            logins = sum(change for change in changes if change > 0)
            logouts = -sum(change for change in changes if change < 0)
            found.append((area, mode, minute, players, max(counts), logins, logouts))
    return found
