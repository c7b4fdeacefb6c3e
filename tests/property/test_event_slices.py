"""However large a body is, and wherever it is cut, its events are those that it has when it is parsed as a whole."""

import json
from itertools import chain
from typing import Any
from unittest import mock

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.api import event_slices
from app.api.body import parse_json
from app.api.event_slices import events_of, json_slices, line_slices
from app.api.value_budget import ValueBudget
from app.errors import InvalidRequest

MANY = 1_000_000
texts = st.sampled_from(["},{", '"', "\\", "\\\\", '"}],[{"', "é🎮", "\n", "", "a"]) | st.text(max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
elements = st.lists(st.dictionaries(texts, values, max_size=3) | values, max_size=12)
documents = (
    elements
    | values
    | st.builds(
        lambda before, items, behind: {**before, "items": items, **behind},
        st.dictionaries(texts, values, max_size=2),
        elements | values,
        st.dictionaries(texts, values, max_size=2),
    )
)
layouts = st.sampled_from([{}, {"indent": 1}, {"separators": (" , ", " : ")}, {"ensure_ascii": False}])


def in_slices(body: bytes, size: int) -> Any:
    """(the events, where they are, whether that is a list), or the refusal."""
    with mock.patch.object(event_slices, "SLICE_BYTES", size):
        try:
            loc, many, slices = json_slices(body, ValueBudget(MANY))
            return list(chain.from_iterable(slices)), loc, many
        except InvalidRequest as refused:
            return refused.code, refused.errors


def as_a_whole(body: bytes) -> Any:
    try:
        return events_of(parse_json(body, []))
    except InvalidRequest as refused:
        return refused.code, refused.errors


@given(documents, layouts, st.integers(1, 40))
@example([{"a": [{}, {}, {}]}] * 9, {}, 5)
@example({"a": [{"items": []}], "items": [{"a": "},{"}, {}, {}], "b": [{}, {}]}, {}, 8)
def test_events_are_the_same(document: Any, layout: Any, size: int) -> None:
    body = json.dumps(document, **layout).encode()
    assert in_slices(body, size) == as_a_whole(body)


@given(documents, layouts, st.integers(1, 40), st.data())
def test_a_broken_body_is_refused_at_the_same_place(document: Any, layout: Any, size: int, data: st.DataObject) -> None:
    body = bytearray(json.dumps(document, **layout).encode())
    at = data.draw(st.integers(0, len(body) - 1))
    body[at : at + data.draw(st.integers(0, 1))] = data.draw(
        st.sampled_from([b"", b"}", b",", b'"', b"[", b"x", b"\n"])
    )
    whole, found = as_a_whole(bytes(body)), in_slices(bytes(body), size)
    if found[0] == "invalid_events" and found[1][0]["code"] == "repeated":
        return  # `items` twice, of which the last one is taken elsewhere
    try:
        bytes(body).decode()
    except UnicodeDecodeError:
        assert found[0] == whole[0] == "invalid_json"  # orjson does not say where
    else:
        assert found == whole


def test_items_given_twice_are_refused_in_a_large_body() -> None:
    for body in (b'{"items":[{},{},{}],"items":[{}]}', b'{"items":5,"items":[{},{},{}]}'):
        code, ((fault),) = in_slices(body, 4)
        assert (code, fault["loc"], fault["code"]) == ("invalid_events", ["items"], "repeated")


@given(st.lists(st.dictionaries(texts, values, max_size=3) | values, max_size=12), st.integers(1, 40), st.data())
def test_lines_are_the_same(events: list[Any], size: int, data: st.DataObject) -> None:
    gaps = st.sampled_from([b"\n", b"\r\n", b"\n\n \t\n", b" \n  "])
    body = b"".join(data.draw(gaps) + orjson.dumps(event) for event in events) + data.draw(gaps)
    with mock.patch.object(event_slices, "SLICE_BYTES_OF_LINES", size):
        assert list(chain.from_iterable(line_slices(body, ValueBudget(MANY)).slices)) == events


def test_a_broken_line_is_named() -> None:
    body = b"{}\n\n" * 5 + b'{"a":}\n{}'
    with mock.patch.object(event_slices, "SLICE_BYTES_OF_LINES", 4), pytest.raises(InvalidRequest) as raised:
        list(line_slices(body, ValueBudget(MANY)).slices)
    (fault,) = raised.value.errors
    assert (fault["loc"], fault["message"]) == ([5], "not valid JSON: line 1, column 6")
