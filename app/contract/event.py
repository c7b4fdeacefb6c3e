"""The shape of one event, checked and flattened in one pass for the script.

Flat form, four strings an event: user, `area|mode`, LOGIN or LOGOUT or HEARTBEAT, microseconds or "".
"""

import re
from typing import Any

from app.contract.problem import Location, problem_at

FLAT_WIDTH = 4
KINDS = ("LOGIN", "LOGOUT", "HEARTBEAT")
MAX_SKEW_SECONDS = 60
MAX_ERRORS = 100
NAME_RULE = "is 1 to 255 characters without control characters and without |"

_name = re.compile(r"[^\x00-\x1f\x7f-\x9f|]{1,255}").fullmatch
_kinds = {spelling: kind for kind in KINDS for spelling in (kind, kind.lower(), kind.capitalize())}
_members: dict[tuple[int | str, str], str] = {}


def is_name(text: str) -> bool:
    """1 to 255 characters, no control characters, no `|`."""
    return _name(text) is not None


def flatten(
    items: list[Any], now: float, loc: Location, many: bool = True, first: int = 0
) -> tuple[list[str], list[dict[str, Any]], list[int]]:
    """Returns (the good items flattened, in order; what is wrong with the others; the others' positions).

    `now` is the time in seconds that `epoch_timestamp` may lie at most 60 s ahead of; `loc` is where the items
    stand in the body, `many` whether they stand in a list there, `first` the position of the first of them.
    """
    flat: list[str] = []
    errors: list[dict[str, Any]] = []
    bad: list[int] = []
    latest = now + MAX_SKEW_SECONDS
    append = flat.append
    for position, item in enumerate(items, first):
        try:
            area, mode = item["area_code"], item["multiplayer_mode"]
            user, name = item["user_id"], item["events_name"]
            kind = _kinds.get(name) or _remember_kind(name)
            stamp = item.get("epoch_timestamp")
            # A dictionary would take True for 1 and 1.0 for 1: types first.
            if type(area) not in _AREA_TYPES or type(mode) is not str or not _name(user):
                raise ValueError
            member = _members.get((area, mode)) or _remember_member(area, mode)
            if stamp is None:
                time = ""
            elif type(stamp) in _TIME_TYPES and 0 <= stamp <= latest:
                time = str(round(stamp * 1_000_000))
            else:
                raise ValueError
        except (KeyError, TypeError, ValueError, AttributeError):
            bad.append(position)
            if len(errors) < MAX_ERRORS:
                errors.extend(_errors_of(item, latest, [*loc, position] if many else loc))
            continue
        append(user)
        append(member)
        append(kind)
        append(time)
    return flat, errors, bad


_AREA_TYPES = frozenset({int, str})
_TIME_TYPES = frozenset({int, float})


def _remember_member(area: int | str, mode: str) -> str:
    """Areas and modes are few and come again: their checks are made once. Raises ValueError."""
    if not _name(str(area)) or not _name(mode):
        raise ValueError
    if len(_members) >= 100_000:
        _members.clear()
    member = _members[area, mode] = f"{area}|{mode}"
    return member


def _remember_kind(name: Any) -> str:
    """Any letter case: at most 2**9 spellings of each. Raises ValueError."""
    if type(name) is not str or not name.isascii() or name.upper() not in KINDS:
        raise ValueError
    kind = _kinds[name] = name.upper()
    return kind


def _errors_of(item: Any, latest: float, loc: Location) -> list[dict[str, Any]]:
    """Everything that is wrong with an item that flatten() could not use."""
    if not isinstance(item, dict):
        return [problem_at(loc, "type", "an event is a JSON object")]
    errors = []
    for name in ("area_code", "multiplayer_mode", "user_id", "events_name"):
        if name not in item:
            errors.append(problem_at([*loc, name], "missing", f"{name} is required"))
            continue
        value: Any = item[name]
        if type(value) is not str and not (name == "area_code" and type(value) is int):
            what = "a string or an integer" if name == "area_code" else "a string"
            errors.append(problem_at([*loc, name], "type", f"{name} is {what}"))
        elif name == "events_name":
            if not isinstance(value, str) or not value.isascii() or value.upper() not in KINDS:
                errors.append(problem_at([*loc, name], "unknown_event", f"{name} is one of {', '.join(KINDS)}"))
        elif not _name(str(value)):
            errors.append(problem_at([*loc, name], "invalid_name", f"{name} {NAME_RULE}"))
    stamp = item.get("epoch_timestamp")
    place: Location = [*loc, "epoch_timestamp"]
    if stamp is not None:
        if type(stamp) not in _TIME_TYPES:
            errors.append(problem_at(place, "type", "epoch_timestamp is a number of seconds since 1970"))
        elif stamp < 0:
            errors.append(problem_at(place, "range", "epoch_timestamp is not before 1970"))
        elif stamp > latest:
            errors.append(problem_at(place, "clock_skew", "epoch_timestamp is more than 60 s in the future"))
    return errors
