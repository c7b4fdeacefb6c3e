"""The shape of one event: validated and turned into the script's arguments in one pass (app.contract.calls).

Every rule stands here twice, fast in validate_events() and in words in _errors_of(): a property test compares them.
"""

import re
from typing import Any, NamedTuple

from app.contract.allowed_names import ALL_NAMES, AllowedNames
from app.contract.area_mode import join_area_mode
from app.contract.memo import Memo
from app.contract.outcome import POSTED_KINDS
from app.contract.problem import Location, problem_at

MAX_SKEW_SECONDS = 60
MAX_ERRORS = 100
NAME_RULE = "is 1 to 255 characters without control characters and without |"

# Lone surrogates are no characters, and no encoding has them: such a text is no client's but this machine's own.
_name = re.compile(r"[^\x00-\x1f\x7f-\x9f|\ud800-\udfff]{1,255}").fullmatch
_kinds = {spelling: kind for kind in map(str, POSTED_KINDS) for spelling in (kind, kind.lower(), kind.capitalize())}
# At most some 20 MB.
_area_modes: Memo[tuple[int | str, str], str] = Memo(50_000, 64)


def is_name(text: str) -> bool:
    """1 to 255 characters of any script, no control characters, no `|`: the one rule for every name from outside."""
    return _name(text) is not None


class Validated(NamedTuple):
    """`script_args`: ARGS_PER_EVENT for each valid item, in order. `errors`: the first MAX_ERRORS faults.
    `bad`: the positions of all invalid items."""

    script_args: list[str]
    errors: list[dict[str, Any]]
    bad: list[int]


def validate_events(
    items: list[Any],
    now: float,
    loc: Location,
    many: bool = True,
    first: int = 0,
    most_errors: int = MAX_ERRORS,
    allowed: AllowedNames = ALL_NAMES,
) -> Validated:
    """Never raises: faults are in the result.

    `now`, in seconds since 1970: `epoch_timestamp` may be at most MAX_SKEW_SECONDS later. `loc`: the location of the
    items in the body; `many`: whether that is a list; `first`: the position of the first item in it. `most_errors`: how
    many faults are described; all bad items are found.
    """
    script_args: list[str] = []
    errors: list[dict[str, Any]] = []
    bad: list[int] = []
    latest = now + MAX_SKEW_SECONDS
    append = script_args.append
    any_name = allowed == ALL_NAMES
    for position, item in enumerate(items, first):
        try:
            area, mode = item["area_code"], item["multiplayer_mode"]
            user, name = item["user_id"], item["events_name"]
            kind = _kinds.get(name) or _remember_kind(name)
            stamp = item.get("epoch_timestamp")
            # The type first: a dictionary takes True and 1.0 for 1.
            if type(area) not in _AREA_TYPES or not _name(user):
                raise ValueError
            area_mode = _area_modes.get((area, mode)) or _remember_area_mode(area, mode)
            if not any_name and not (allowed.area(str(area)) and allowed.mode(mode)):
                raise ValueError
            if stamp is None:
                time = ""
            elif type(stamp) in _TIME_TYPES and 0 <= stamp <= latest:
                time = str(round(stamp * 1_000_000))
            else:
                raise ValueError
        except (KeyError, TypeError, ValueError, AttributeError):
            bad.append(position)
            if len(errors) < most_errors:
                errors.extend(_errors_of(item, latest, [*loc, position] if many else loc, allowed))
            continue
        append(user)
        append(area_mode)
        append(kind)
        append(time)
    return Validated(script_args, errors[:most_errors], bad)


_AREA_TYPES = frozenset({int, str})
_TIME_TYPES = frozenset({int, float})


def _remember_area_mode(area: int | str, mode: str) -> str:
    """Areas and modes are few and recur: each pair is checked once. Raises ValueError."""
    if not _name(str(area)) or not _name(mode):
        raise ValueError
    area_mode = join_area_mode(str(area), mode)
    return _area_modes.keep((area, mode), area_mode, len(area_mode))


def _remember_kind(name: Any) -> str:
    """Any letter case: at most 2**9 spellings of a kind are kept. Raises ValueError."""
    if type(name) is not str or not name.isascii() or name.upper() not in POSTED_KINDS:
        raise ValueError
    kind = _kinds[name] = name.upper()
    return kind


def _errors_of(item: Any, latest: float, loc: Location, allowed: AllowedNames = ALL_NAMES) -> list[dict[str, Any]]:
    """Every fault of an item that validate_events() refused."""
    if not isinstance(item, dict):
        return [problem_at(loc, "type", "an event is a JSON object")]
    errors = []
    for name in ("area_code", "multiplayer_mode", "user_id", "events_name"):
        if name not in item:
            errors.append(problem_at([*loc, name], "missing", f"{name} is required"))
            continue
        value: Any = item[name]
        if type(value) is not str and not (name == "area_code" and type(value) is int):
            types = "a string or an integer" if name == "area_code" else "a string"
            errors.append(problem_at([*loc, name], "type", f"{name} is {types}"))
        elif name == "events_name":
            if not isinstance(value, str) or not value.isascii() or value.upper() not in POSTED_KINDS:
                errors.append(problem_at([*loc, name], "unknown_event", f"{name} is one of {', '.join(POSTED_KINDS)}"))
        elif not _name(str(value)):
            errors.append(problem_at([*loc, name], "invalid_name", f"{name} {NAME_RULE}"))
        elif name == "area_code" and not allowed.area(str(value)):
            errors.append(problem_at([*loc, name], "unknown_area", "area_code is one of those allowed here"))
        elif name == "multiplayer_mode" and not allowed.mode(str(value)):
            errors.append(problem_at([*loc, name], "unknown_mode", "multiplayer_mode is one of those allowed here"))
    stamp = item.get("epoch_timestamp")
    stamp_loc: Location = [*loc, "epoch_timestamp"]
    if stamp is not None:
        if type(stamp) not in _TIME_TYPES:
            errors.append(problem_at(stamp_loc, "type", "epoch_timestamp is a number of seconds since 1970"))
        elif not stamp >= 0:
            errors.append(problem_at(stamp_loc, "range", "epoch_timestamp is not before 1970"))
        elif stamp > latest:
            errors.append(clock_skew_at(loc))
    return errors


def clock_skew_at(loc: Location) -> dict[str, Any]:
    """The fault of an event at `loc` whose time is too far ahead."""
    message = f"epoch_timestamp is more than {MAX_SKEW_SECONDS} s in the future"
    return problem_at([*loc, "epoch_timestamp"], "clock_skew", message)
