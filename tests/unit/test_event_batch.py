"""A request's events are counted, validated and bounded, and nobody has to wait long for it."""

import asyncio
from typing import Any

import orjson
import pytest

from app.api.event_batch import SLICE_EVENTS, EventBatch
from app.api.value_budget import MAX_EVENT_BYTES, MAX_EVENT_VALUES, ValueBudget
from app.contract.event import MAX_ERRORS
from app.errors import InvalidRequest
from tests.http_client import event

MOST = 1000
GOOD = event(1)
WITH_JUNK = {**GOOD, "junk": [{}] * 200}


async def read(body: Any, lines: bool = False, find_all: bool = False, most: int = MOST) -> EventBatch:
    """`body`: as bytes, or the items of a list."""
    batch = EventBatch(most, find_all)
    if not isinstance(body, bytes):
        body = b"\n".join(map(orjson.dumps, body)) if lines else orjson.dumps(body)
    await batch.read(body, lines)
    return batch


async def refusal(body: Any, lines: bool = False, most: int = MOST) -> str:
    with pytest.raises(InvalidRequest) as raised:
        await read(body, lines, most=most)
    assert raised.value.status in (400, 422)
    return raised.value.code


# Of bytes beside the event: parsed in one go, and in slices.
PADDINGS = ["", "x" * 500]


@pytest.mark.parametrize("lines", [False, True])
@pytest.mark.parametrize("padding", PADDINGS, ids=["small", "large"])
async def test_as_many_events_as_a_request_may_have(padding: str, lines: bool) -> None:
    item = GOOD | {"padding": padding}
    assert (await read([item] * MOST, lines)).count == MOST
    assert await refusal([item] * (MOST + 1), lines) == "too_many_events"
    assert await refusal([{}] * (MOST + 1), lines) == "too_many_events", "more important than what is wrong with them"


@pytest.mark.parametrize("lines", [False, True])
@pytest.mark.parametrize("padding", PADDINGS, ids=["small", "large"])
async def test_all_bad_events_are_found_where_they_are_to_be_skipped(padding: str, lines: bool) -> None:
    items = [(GOOD if n % 3 else {}) | {"padding": padding} for n in range(MOST)]
    batch = await read(items, lines, find_all=True)
    assert batch.bad == [n for n in range(MOST) if n % 3 == 0]
    assert len(batch.script_args) == 4 * (MOST - len(batch.bad))
    assert [fault["loc"][0] for fault in batch.errors] == [n // 4 * 3 for n in range(MAX_ERRORS)]


async def test_nothing_is_validated_after_the_first_faults_where_one_is_enough() -> None:
    batch = await read([{}] * MOST)
    assert (batch.count, len(batch.errors), len(batch.bad)) == (MOST, MAX_ERRORS, SLICE_EVENTS)
    assert await refusal(orjson.dumps([{"padding": PADDINGS[1]}] * MOST)[:-1]) == "invalid_json", "to the last byte"


@pytest.mark.parametrize("lines", [False, True])
async def test_json_that_nobody_reads_is_bounded(lines: bool) -> None:
    assert (await read([WITH_JUNK] * 50, lines)).count == 50
    assert await refusal([WITH_JUNK] * (MOST // 2), lines) == "too_many_events"


async def test_commas_and_brackets_in_names_are_no_values() -> None:
    names = GOOD | {"user_id": ",[{" * 80, "multiplayer_mode": '"\\,[{' * 50}
    assert (await read([names] * MOST)).bad == []
    assert (await read([names] * MOST, lines=True)).bad == []


async def test_events_with_arrays_of_objects_in_other_fields_are_cut_apart() -> None:
    item = GOOD | {"inventory": [{"a": "},{"}] * 7, "padding": PADDINGS[1]}
    batch = await read({"before": [{"items": []}], "items": [item] * 700, "behind": [{}, {}]})
    assert (batch.count, batch.bad, batch.loc) == (700, [], ["items"])


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (b"[" + b"1," * 4_000_000 + b"1]", False),
        (b"[" + b"[]," * 2_500_000 + b"1]", False),
        (b'[{"a":"' + b"x" * MAX_EVENT_BYTES + b'"},{}]', False),
        (b'[{"a":"' + b"},{" * 2_000_000 + b'"},{}]', False),
        (b'{"a":[' + b"{}," * 2_000_000 + b"{}]}", False),
        (b"[" + b" " * 8_000_000 + b"]", False),
        (b'[{"a":"' * 1_000_000, False),
        (b"[" + b"{}," * MAX_EVENT_VALUES + b"1]", True),
        (b'"' + b"x" * MAX_EVENT_BYTES + b'"', True),
        (b" " * 8_000_000, True),
    ],
)
async def test_what_cannot_be_cut_is_refused_before_it_is_parsed(
    body: bytes, lines: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = [0]
    loads = orjson.loads

    def noting(text: bytes) -> Any:
        parsed.append(len(text))
        return loads(text)

    monkeypatch.setattr(orjson, "loads", noting)
    assert await refusal(body, lines) == "event_too_large"
    assert max(parsed) <= MAX_EVENT_BYTES + 100


@pytest.mark.parametrize("lines", [False, True])
@pytest.mark.parametrize("padding", PADDINGS, ids=["small", "large"])
async def test_others_have_their_turn(padding: str, lines: bool) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(others())
    await read([GOOD | {"p": padding}] * 500, lines)
    waiting.cancel()
    assert turns >= 500 // SLICE_EVENTS - 1


def test_a_budget_is_for_events_that_have_more_values_than_most() -> None:
    budget = ValueBudget(10)
    for _ in range(1000):
        budget.take(b"[1,2,3,4,5,6]", 1)
    budget.take(b'"' + b"," * 1000 + b'\\","', 1)
    budget.take(b"[" + b"1," * 200 + b"1]", 1)
    with pytest.raises(InvalidRequest):
        budget.take(b"[" + b"1," * 200 + b"1]", 1)
