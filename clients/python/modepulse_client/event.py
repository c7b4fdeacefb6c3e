"""What is posted and what is read, as the API's JSON has it."""

import math
import re
from typing import Literal, NotRequired, TypeAlias, TypedDict

EventsName: TypeAlias = Literal["LOGIN", "LOGOUT", "HEARTBEAT"]

# The service's rule for names. A lone surrogate is no character, and cannot be encoded.
_name = re.compile(r"[^\x00-\x1f\x7f-\x9f|\ud800-\udfff]{1,255}").fullmatch


class Event(TypedDict):
    """One event. `epoch_timestamp`: seconds since 1970; without it the order of arrival counts."""

    area_code: int | str
    multiplayer_mode: str
    user_id: str
    events_name: EventsName
    epoch_timestamp: NotRequired[float]


class ModeCount(TypedDict):
    """Players in a mode."""

    multiplayer_mode: str
    count: int


Stats: TypeAlias = dict[str, list[ModeCount]]
"""area -> its modes, most played first."""


def fault_of(event: Event) -> str:
    """Why the service would not take the event; empty if it would."""
    for field in ("area_code", "multiplayer_mode", "user_id"):
        value: object = event[field]
        if field == "area_code" and type(value) is int:
            value = str(value)
        if not isinstance(value, str) or not _name(value):
            return f"{field} is 1 to 255 characters without control characters and without |"
    stamp: object = event.get("epoch_timestamp", 0.0)
    if not isinstance(stamp, int | float) or not math.isfinite(stamp) or stamp < 0:
        return "epoch_timestamp is seconds since 1970"
    return ""
