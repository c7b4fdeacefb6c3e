"""POST /generate_data hands on as many events as it says, the same ones for the same seed."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.types import Message

from app.api.generate import generate_data
from app.contract.calls import ARGS_PER_EVENT
from app.contract.outcome import POSTED_KINDS
from app.settings import Settings

DEFAULTS = Settings()


class Recorded:
    """An Ingest that keeps what it is given."""

    def __init__(self) -> None:
        self.script_args: list[str] = []

    async def record(self, script_args: list[str], skip: bool) -> str:
        assert skip
        self.script_args += script_args
        return "a" * (len(script_args) // ARGS_PER_EVENT)


async def generated(settings: Settings = DEFAULTS, /, **numbers: int) -> list[tuple[str, ...]]:
    """The arguments of each event that was recorded."""

    async def receive() -> Message:
        return {"type": "http.request", "body": orjson.dumps(numbers)}

    recorded = Recorded()
    state: dict[str, Any] = {"settings": settings, "ingest": recorded}
    answer = await generate_data(Request({"type": "http", "headers": [], "state": state}, receive))
    args = iter(recorded.script_args)
    events = list(zip(*[args] * ARGS_PER_EVENT, strict=True))
    assert orjson.loads(bytes(answer.body)) == {"cnt_records_generated": len(events)}
    return events


async def test_as_many_events_as_asked_for() -> None:
    assert [len(await generated(events=events)) for events in (0, 1, 250)] == [0, 1, 250]
    assert len(await generated()) == 1000


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
    events = await generated(Settings(areas="b,a", modes="x"), events=50, areas=5, modes=3)
    assert {area_mode for _, area_mode, _, _ in events} == {"a|x", "b|x"}
