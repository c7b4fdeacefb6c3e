"""The events of a large body, a slice at a time: what is parsed in one go is bounded, however large the body is.

A cut is sound: where a stretch between two elements of an array can be parsed as the inside of an array, it is that in
the whole as well.
"""

import re
import secrets
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from app.api.body import invalid_json, parse_json
from app.api.value_budget import ValueBudget
from app.contract.problem import Location, problem_at
from app.errors import InvalidRequest

# Parsed in one go: events take 0.1 ms, JSON that is nothing but brackets 2 ms.
SLICE_BYTES = 16_384
SLICE_BYTES_OF_LINES = 8192
# Where the array of events has to begin, or the body is taken for one event.
HEAD_BYTES = 65_536
# Ends of objects that are looked at, from the last one, to find one where another begins.
_MAX_ENDS = 1000

_ARRAY = re.compile(rb"[ \t\n\r]*\[")
_ITEMS = re.compile(rb'"items"[ \t\n\r]*:[ \t\n\r]*\[')
_CUT = re.compile(rb"\}[ \t\n\r]*,[ \t\n\r]*(?=\{)")
_LINE = re.compile(rb"[^ \t\n\r][^\n]*")
# Strings, of which the end of the stretch may cut off the last, and what makes depth.
_NESTING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
# In the last slice in place of `items`, to see whether there is another one; nobody can guess it.
_REST = secrets.token_hex(16)


class Slices(NamedTuple):
    """`loc`: where the events are in the body; `many`: whether that is a list."""

    loc: Location
    many: bool
    slices: Iterator[list[Any]]


def json_slices(body: bytes, budget: ValueBudget) -> Slices:
    """An event, an array, or an object with `items`. Raises InvalidRequest, as the slices themselves do."""
    array = _ARRAY.match(body)
    if array:
        return Slices([], True, _slices(body, array.end(), array[0], budget))
    items = _find_items(body)
    if items:
        head = body[: items.start()] + b'"%b":[' % _REST.encode()
        return Slices(["items"], True, _slices(body, items.end(), head, budget))
    budget.check_event(body)
    events, loc, many = events_of(parse_json(body, []))
    return Slices(loc, many, iter([events]))


def line_slices(body: bytes, budget: ValueBudget) -> Slices:
    """An event a line; blank lines do not count. The slices raise InvalidRequest."""
    return Slices([], True, _slices_of_lines(body, budget))


def events_of(parsed: Any) -> tuple[list[Any], Location, bool]:
    """(the events of a document, their location in it, whether that is a list). Raises InvalidRequest."""
    if isinstance(parsed, list):
        return parsed, [], True
    if isinstance(parsed, dict) and "items" in parsed:
        if isinstance(parsed["items"], list):
            return parsed["items"], ["items"], True
        raise _invalid_items("items is a list", "type", "items is a list of events")
    return [parsed], [], False


def _slices(body: bytes, start: int, head: bytes, budget: ValueBudget) -> Iterator[list[Any]]:
    """`head`: what stands before the first element, at `start`."""
    while found := _next_slice(body, start, budget):
        events, start = found
        yield events
    parsed = _parse(body, start, len(body), head, b"")
    if isinstance(parsed, dict):
        if "items" in parsed:
            raise _invalid_items("items is given once", "repeated", "items is given twice")
        parsed = parsed[_REST]
    budget.take(body[start:], len(parsed))
    yield parsed


def _next_slice(body: bytes, start: int, budget: ValueBudget) -> tuple[list[Any], int] | None:
    """(events, where the next ones are); None when all the rest is the last slice. Raises InvalidRequest."""
    size = SLICE_BYTES
    while start + size < len(body):
        cut = _last_cut(body, start, start + size)
        if cut:
            try:
                events = orjson.loads(b"[%b]" % body[start : cut.start() + 1])
            except orjson.JSONDecodeError:
                # It is within an event, or in a string.
                budget.search(body[start : start + size])
                cut = _outermost_cut(body, start, start + size)
                events = _parse(body, start, cut.start() + 1) if cut else []
        if cut:
            budget.take(body[start : cut.start() + 1], len(events))
            return events, cut.end()
        size *= 2
        budget.check_event(body[start : start + size])
    return None


def _parse(body: bytes, start: int, end: int, before: bytes = b"[", behind: bytes = b"]") -> Any:
    """Raises InvalidRequest, with the place of the error in the body."""
    try:
        return orjson.loads(before + body[start:end] + behind)
    except orjson.JSONDecodeError as error:
        at = start + max(0, len(error.doc[: error.pos].encode()) - len(before))
    line_start = body.rfind(b"\n", 0, at) + 1
    column = len(body[line_start:at].decode(errors="replace")) + 1
    raise invalid_json([], body.count(b"\n", 0, at) + 1, column)


def _last_cut(body: bytes, start: int, end: int) -> re.Match[bytes] | None:
    """Where only a comma is between the end of an object and the start of another."""
    for _ in range(_MAX_ENDS):
        end = body.rfind(b"}", start, end)
        if end < 0:
            break
        if cut := _CUT.match(body, end):
            return cut
    return None


def _outermost_cut(body: bytes, start: int, end: int) -> re.Match[bytes] | None:
    """The last one between two elements of the array that has one at `start`."""
    depth = 0
    ends = []
    for mark in _NESTING.finditer(body, start, end):
        kind = body[mark.start()]
        if kind in b"[{":
            depth += 1
        elif kind in b"]}":
            depth -= 1
            if depth < 0:
                break
            if depth == 0 and kind in b"}":
                ends.append(mark.start())
    return next((cut for at in reversed(ends) if (cut := _CUT.match(body, at))), None)


def _find_items(body: bytes) -> re.Match[bytes] | None:
    """The start of the array `items`, if it is near the start of the body and belongs to its outermost object."""
    for found in _ITEMS.finditer(body, 0, HEAD_BYTES):
        try:
            orjson.loads(body[: found.end()] + b"]}")
        except orjson.JSONDecodeError:
            continue
        return found
    return None


def _slices_of_lines(body: bytes, budget: ValueBudget) -> Iterator[list[Any]]:
    start = count = 0
    while start < len(body):
        end = body.find(b"\n", start + SLICE_BYTES_OF_LINES)
        text = body[start:end] if end >= 0 else body[start:]
        if len(text) > SLICE_BYTES:
            budget.check_event(text)
        lines = _LINE.findall(text)
        budget.take(text, len(lines))
        yield [parse_json(line, [n]) for n, line in enumerate(lines, count)]
        start += len(text)
        count += len(lines)


def _invalid_items(title: str, code: str, message: str) -> InvalidRequest:
    return InvalidRequest(422, "invalid_events", title, [problem_at(["items"], code, message)])
