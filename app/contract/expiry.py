"""When a key ends: `30d` from now, or a time."""

import re
from datetime import UTC, datetime
from typing import Any

EXPIRY_RULE = "is a time to come: 30d, 12h, 45m, ISO 8601, or seconds since 1970"
# The year 2999: later ones are misspelt.
_LATEST_SECONDS = 32_472_144_000
_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_duration = re.compile(r"(\d{1,6})([mhdw])", re.ASCII)
_seconds = re.compile(r"\d{10,11}(\.\d{1,9})?", re.ASCII)


def expiry_of(given: Any, now: float) -> float:
    """Seconds since 1970. A time without offset is UTC. Raises ValueError, also for what is not after `now`."""
    if isinstance(given, str):
        at = _time_of(given, now)
    elif isinstance(given, int | float) and not isinstance(given, bool):
        at = given
    else:
        raise ValueError("neither text nor a number")
    if not now < at < _LATEST_SECONDS:
        raise ValueError("not a time to come")
    return round(float(at), 3)


def _time_of(text: str, now: float) -> float:
    """Raises ValueError."""
    if found := _duration.fullmatch(text):
        return now + int(found[1]) * _UNITS[found[2]]
    if _seconds.fullmatch(text):
        return float(text)
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
