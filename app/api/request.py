"""The query parameters of a request: each is taken in its documented forms only."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from starlette.requests import Request

from app.bounds import LATEST_SECONDS
from app.contract.event import NAME_RULE, is_name
from app.contract.problem import problem_at
from app.errors import InvalidRequest

_number = re.compile(r"-?\d{1,15}(\.\d{0,9})?", re.ASCII).fullmatch
# Narrower than datetime.fromisoformat(), which takes any character before the time, and ends at a NUL.
_iso_8601 = re.compile(r"[\dW-]{7,10}([T ][\d:.,]{2,20}(Z|[+-][\d:.]{2,15})?)?", re.ASCII).fullmatch
# What somebody writes who does not know how a parameter is repeated.
_number_list = re.compile(r"\d+(,\d+)+", re.ASCII).fullmatch


def area_codes(request: Request, most: int) -> list[str]:
    """The `area_code` parameters, each once, in order. Raises InvalidRequest."""
    areas = request.query_params.getlist("area_code")
    if not areas:
        raise invalid_query("area_code", "missing", "area_code is required")
    if len(areas) > most:
        raise invalid_query("area_code", "too_many", f"at most {most} areas a request")
    for area in areas:
        if not is_name(area):
            raise invalid_query("area_code", "invalid_name", f"area_code {NAME_RULE}")
        if _number_list(area):
            # A legal name, but one that nobody gives an area: as such it would be answered by a silent [].
            message = "area_code is one area; several are asked for by area_code=111&area_code=112"
            raise invalid_query("area_code", "several", message)
    return list(dict.fromkeys(areas))


def whole_number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A parameter of ASCII digits, from `low` (0 or more) to `high`. Raises InvalidRequest."""
    text = single_value(request, name)
    if text is None:
        return default
    digits = text.lstrip("0") or text[-1:]
    # The length first: int() refuses thousands of digits with an error of its own.
    if not (text.isascii() and text.isdigit()) or len(digits) > len(str(high)) or not low <= int(digits) <= high:
        raise invalid_query(name, "range", f"{name} is one whole number from {low} to {high}")
    return int(digits)


def single_value(request: Request, name: str) -> str | None:
    """A parameter that is given once at most, None without it. Raises InvalidRequest."""
    values = request.query_params.getlist(name)
    if len(values) > 1:
        raise invalid_query(name, "repeated", f"{name} is given once at most")
    return values[0] if values else None


def name_of(request: Request, name: str) -> str | None:
    """A parameter that names an area, a mode or a user. Raises InvalidRequest."""
    text = single_value(request, name)
    if text is not None and not is_name(text):
        raise invalid_query(name, "invalid_name", f"{name} {NAME_RULE}")
    return text


def choice_of(request: Request, name: str, choices: Iterable[str]) -> str | None:
    """A parameter that is one of `choices`, in any letter case. Raises InvalidRequest."""
    text = single_value(request, name)
    if text is None:
        return None
    for choice in choices:
        # lower() makes an ASCII k of the Kelvin sign.
        if text.isascii() and choice.lower() == text.lower():
            return choice
    raise invalid_query(name, "unknown_value", f"{name} is one of {', '.join(choices)}")


def time_of(request: Request, name: str) -> float | None:
    """A parameter that is seconds since 1970 or ISO 8601 (without offset: UTC), as seconds. Raises InvalidRequest."""
    text = single_value(request, name)
    if text is None:
        return None
    seconds = _seconds(text)
    if seconds is None:
        raise invalid_query(name, "invalid_time", f"{name} is seconds since 1970 or an ISO 8601 time")
    if not 0 <= seconds <= LATEST_SECONDS:
        raise invalid_query(name, "range", f"{name} is between the years 1970 and 2999")
    return seconds


def period(request: Request) -> tuple[float | None, float | None]:
    """The parameters `from` and `to` as seconds since 1970. Raises InvalidRequest."""
    begin, end = time_of(request, "from"), time_of(request, "to")
    if begin is not None and end is not None and begin > end:
        raise invalid_query("to", "range", "to is not before from")
    return begin, end


def _seconds(text: str) -> float | None:
    """A time in seconds since 1970; None when it is neither a number nor ISO 8601."""
    if _number(text):
        return float(text)
    # An unescaped + of an offset arrives as a space.
    for spelling in (text.upper(), "+".join(text.upper().rsplit(" ", 1))):
        if not _iso_8601(spelling):
            continue
        try:
            time = datetime.fromisoformat(spelling)
        except ValueError:
            continue
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    return None


def reject_unknown(request: Request, *names: str) -> None:
    """Raises InvalidRequest for other parameters: a misspelt filter would silently return other rows."""
    for name in request.query_params:
        if name not in names:
            raise invalid_query(name, "unknown_parameter", f"the parameters here are {', '.join(names)}")


def invalid_query(name: str, code: str, message: str) -> InvalidRequest:
    """The refusal (422) of one query parameter."""
    return InvalidRequest(422, "invalid_query", "The query is not valid", [problem_at(["query", name], code, message)])
