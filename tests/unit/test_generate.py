"""POST /generate_data hands on as many events as it says, the same ones for the same seed."""

import asyncio
from typing import Any

import orjson
import pytest
from starlette.requests import Request
from starlette.types import Message

from app.access.principal import Principal
from app.api.generate import RECORD_EVENTS, SLICE_EVENTS, generate_data
from app.contract.calls import ARGS_PER_EVENT
from app.contract.outcome import POSTED_KINDS
from app.errors import Problem, Unavailable
from app.live.refusals import queue_full
from app.settings import Settings

DEFAULTS = Settings()


class Recorded:
    """An Ingest that keeps what it is given, as often as `calls`."""

    def __init__(self, calls: int = 1_000_000) -> None:
        self.script_args: list[str] = []
        self.calls = calls

    async def record(self, script_args: list[str], skip: bool) -> str:
        assert skip
        if not self.calls:
            raise queue_full()
        self.calls -= 1
        assert len(script_args) <= RECORD_EVENTS * ARGS_PER_EVENT
        self.script_args += script_args
        return "a" * (len(script_args) // ARGS_PER_EVENT)


async def generated(
    recorded: Recorded | None = None,
    principal: Principal | None = None,
    settings: Settings = DEFAULTS,
    **numbers: int,
) -> list[tuple[str, ...]]:
    """The arguments of each event that was recorded."""

    async def receive() -> Message:
        return {"type": "http.request", "body": orjson.dumps(numbers)}

    recorded = recorded or Recorded()
    state: dict[str, Any] = {"settings": settings, "ingest": recorded}
    state["principal"] = principal or Principal(frozenset(), 0, 0)
    answer = await generate_data(Request({"type": "http", "headers": [], "state": state}, receive))
    args = iter(recorded.script_args)
    events = list(zip(*[args] * ARGS_PER_EVENT, strict=True))
    assert orjson.loads(bytes(answer.body)) == {"cnt_records_generated": len(events)}
    return events


async def test_as_many_events_as_asked_for() -> None:
    assert [len(await generated(events=events)) for events in (0, 1, 250)] == [0, 1, 250]
    assert len(await generated()) == 1000


async def test_they_count_against_the_limit() -> None:
    limited = Principal(frozenset(), 0, 1)
    await generated(principal=limited, events=10_500)
    with pytest.raises(Problem, match="Too many events"):
        await generated(principal=limited, events=1)


async def test_the_seed_decides_the_events() -> None:
    assert await generated(seed=7) == await generated(seed=7) != await generated(seed=8)
    assert await generated() != await generated()


async def test_users_areas_and_modes_are_within_their_numbers() -> None:
    events = await generated(events=2000, users=3, areas=4, modes=6, seed=1)
    assert {user for user, *_ in events} == {"user_0", "user_1", "user_2"}
    area_modes = {tuple(area_mode.split("|")) for _, area_mode, *_ in events}
    assert {area for area, _ in area_modes} == {"100", "101", "102", "103"}
    assert len({mode for _, mode in area_modes}) == 6
    assert {kind for *_, kind, _ in events} == set(POSTED_KINDS)
    assert {time for *_, time in events} == {""}, "they happen on arrival"


async def test_where_names_are_listed_only_those_are_used() -> None:
    events = await generated(settings=Settings(areas="b,a", modes="x"), events=50, areas=5, modes=3)
    assert {area_mode for _, area_mode, _, _ in events} == {"a|x", "b|x"}


async def test_events_are_made_and_recorded_in_slices() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(others())
    assert len(await generated(events=10_000)) == 10_000
    waiting.cancel()
    assert turns >= 10_000 // SLICE_EVENTS


@pytest.mark.parametrize(("calls", "code"), [(0, "queue_full"), (1, "partly_applied")])
async def test_refusal_says_whether_anything_was_recorded(calls: int, code: str) -> None:
    with pytest.raises(Unavailable) as raised:
        await generated(Recorded(calls), events=10 * RECORD_EVENTS)
    assert raised.value.code == code
