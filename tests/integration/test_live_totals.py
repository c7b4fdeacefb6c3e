"""What verify reads of the players by area and by mode, with events and other readers in between."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from app.contract import totals
from app.contract.log import format_entry, format_line
from app.contract.token import new_token
from app.contract.totals import Uncountable, count_log
from archiver import live_totals
from archiver.errors import Disturbed, NotSettled
from archiver.live_state import Counts
from archiver.live_totals import read_totals, totals_of
from lua import add_totals
from tests.bystander import Bystander, read
from tests.script_harness import ScriptHarness


def found(engine: ScriptHarness) -> tuple[Counts, Counts]:
    """(the totals, what they have to be)"""
    state = read(engine)
    return engine.do(read_totals(engine.redis, engine.keys.partition, state)), totals_of(state.counters)


def act_between(monkeypatch: pytest.MonkeyPatch, act: Callable[[int], bool | None]) -> None:
    """Calls `act` before each step; where it returns True, the totals are counted then."""
    step, reading = 0, live_totals._Reading.read

    async def later(self: Any, names: Any) -> None:
        nonlocal step
        if act(step):
            await count_log(self._redis, self._keys, add_totals, 1000)
        step += 1
        await reading(self, names)

    monkeypatch.setattr(live_totals._Reading, "read", later)


@pytest.mark.parametrize("seed", range(3))
def test_totals_are_those_of_the_moment_whatever_happens_between_the_steps(
    engine: ScriptHarness, bystander: Bystander, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(live_totals, "STEP_NAMES", 7)
    monkeypatch.setattr(totals, "PIECE_NAMES", 10)

    def play(count: int) -> None:
        names = [(f"{chance.randrange(60)}", f"m{chance.randrange(30)}") for _ in range(count)]
        kinds = ("LOGIN", "LOGOUT")
        bystander.record([(f"u{chance.randrange(40)}", "|".join(n), chance.choice(kinds), "") for n in names])

    def act(step: int) -> bool:
        play(chance.randrange(1, 30))
        return step % 2 == 1

    for _ in range(5):
        play(100)
    act_between(monkeypatch, act)
    players, expected = found(engine)
    assert players == expected
    assert len(expected) > 50


DAMAGES: dict[str, Callable[[Bystander], Any]] = {
    "area 1": lambda b: b.client.zincrby(b.keys.area_players, 1, "1"),
    "area 2": lambda b: b.client.zrem(b.keys.area_players, "2"),
    "area 9": lambda b: b.client.zadd(b.keys.area_players, {"9": 2}),
    "mode m": lambda b: b.client.zincrby(b.keys.mode_players, -1, "m"),
    "mode n": lambda b: b.client.zadd(b.keys.mode_players, {"n": 1}),
    "all areas": lambda b: b.client.hincrby(b.keys.totals, "players", 1),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_is_found(engine: ScriptHarness, bystander: Bystander, damage: str) -> None:
    bystander.record([(f"u{n}", f"{n % 3}|m", "LOGIN", "") for n in range(10)])
    engine.count()
    DAMAGES[damage](bystander)
    players, expected = found(engine)
    assert {name for name in players.keys() | expected.keys() if players.get(name) != expected.get(name)} == {damage}


def test_totals_of_no_event_are_none(engine: ScriptHarness) -> None:
    assert found(engine) == ({}, {})


@pytest.mark.parametrize("disturbance", ["trimmed", "corrected", "counted anew"])
def test_what_cannot_be_put_together_is_refused(
    engine: ScriptHarness, bystander: Bystander, monkeypatch: pytest.MonkeyPatch, disturbance: str
) -> None:
    def disturb(step: int) -> None:
        if step:
            return
        if disturbance == "corrected":
            fields = format_entry(new_token(), 1, [format_line("HEAL", 1, "1", "m", "-", "+0")])
            bystander.client.execute_command("XADD", engine.keys.events, "*", *fields)
        else:
            bystander.record([("v", "1|m", "LOGIN", ""), ("w", "1|m", "LOGIN", "")])
            bystander.record([("x", "1|m", "LOGIN", "")])
        last = bystander.client.xrevrange(engine.keys.events, count=1)[0][0]
        if disturbance == "trimmed":
            bystander.client.xtrim(engine.keys.events, maxlen=1, approximate=False)
        # As if another had counted it: that is where the reading is to go on to, or not yet at its moment.
        bystander.client.hset(engine.keys.totals, "last", "0-1" if disturbance == "counted anew" else last)

    bystander.record([("u", "1|m", "LOGIN", "")])
    act_between(monkeypatch, disturb)
    with pytest.raises(Disturbed):
        found(engine)


def test_totals_that_wait_for_the_archiver_are_waited_for(
    engine: ScriptHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_totals, "WAIT_SECONDS", 0.5)
    asked = 0

    async def uncountable(*_: Any) -> bool:
        nonlocal asked
        asked += 1
        raise Uncountable("counters were corrected")

    monkeypatch.setattr(live_totals, "count_log", uncountable)
    with pytest.raises(NotSettled, match="count them anew"):
        found(engine)
    assert asked == 5
