"""What is read of Redis in steps, with events in between, is its state at one moment."""

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from app.contract.area_mode import join_area_mode
from app.contract.log import LOG_START
from app.contract.token import new_token
from archiver import live_state, stream
from archiver.errors import Disturbed
from archiver.live_state import LiveState
from tests.bystander import LEASE_US, Bystander, Event, between_steps, read
from tests.script_harness import ScriptHarness


def some_events(chance: random.Random, count: int) -> list[Event]:
    """Of few users again and again and of many new ones, so that Redis's tables grow; some are about to expire."""
    oldest = time.time_ns() // 1000 - LEASE_US
    return [
        (
            f"u{chance.randrange(300)}" if chance.random() < 0.5 else f"v{chance.getrandbits(40)}",
            join_area_mode(str(chance.randrange(5)), f"m{chance.randrange(40)}"),
            chance.choice(("LOGIN", "LOGIN", "LOGOUT", "HEARTBEAT")),
            str(oldest + chance.randrange(2_000_000)) if chance.random() < 0.3 else "",
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_all_parts_agree_whatever_happens_between_the_steps(
    engine: ScriptHarness, bystander: Bystander, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(live_state, "MAX_MEMBERS", 30)  # areas have more, and some users do

    def act(step: int, _: object) -> None:
        if step % 3 == 0 and step < 300:
            bystander.record(some_events(chance, chance.choice((1, 30, 200))))
        if step % 20 == 0:
            bystander.expire()

    bystander.record([("many", f"{n % 5}|n{n}", "LOGIN", "") for n in range(50)])
    bystander.record([("many", f"{n % 5}|n{n}", "LOGOUT", "") for n in range(0, 50, 2)])
    for _ in range(5):
        bystander.record(some_events(chance, 400))
    between_steps(monkeypatch, act)
    state = read(engine)
    assert state.counters == state.sessions == state.on_wheel == logged(engine, state)
    assert len(state.counters) > 100


def logged(engine: ScriptHarness, state: LiveState) -> dict[str, int]:
    """The sums of the deltas up to the moment."""
    sums: dict[str, int] = {}
    for row in engine.log():
        if (row.stream_ms, row.stream_seq) <= state.position:
            area_mode = join_area_mode(row.area_code, row.multiplayer_mode)
            sums[area_mode] = sums.get(area_mode, 0) + row.delta
    return {area_mode: count for area_mode, count in sums.items() if count}


def test_state_is_that_of_its_moment(engine: ScriptHarness, bystander: Bystander) -> None:
    bystander.record([("ann", "1|duel", "LOGIN", ""), ("bob", "1|duel", "LOGIN", ""), ("bob", "1|duel", "LOGOUT", "")])
    state = read(engine)
    assert state.counters == state.sessions == state.on_wheel == {"1|duel": 1}
    assert str(state.position) == bystander.client.xinfo_stream(engine.keys.events)["last-generated-id"].decode()


def test_partition_without_an_event_is_empty(engine: ScriptHarness, bystander: Bystander) -> None:
    state = read(engine)
    assert state == LiveState(LOG_START, 0, {}, {}, {})


DAMAGES: dict[str, Callable[[Bystander], Any]] = {
    "counter too high": lambda b: b.client.zincrby(b.keys.area("1"), 1, "duel"),
    "counter too low": lambda b: b.client.zincrby(b.keys.area("1"), -1, "duel"),
    "counter negative": lambda b: b.client.zadd(b.keys.area("1"), {"duel": -2}),
    "counter of nobody": lambda b: b.client.zadd(b.keys.area("nowhere"), {"duel": 1}),
    "area gone": lambda b: b.client.delete(b.keys.area("1")),
    "user gone": lambda b: b.client.delete(b.keys.user("u5")),
    "session gone": lambda b: b.client.zrem(b.keys.user("u5"), "1|duel"),
    "session of nobody": lambda b: b.client.zadd(b.keys.user("nobody"), {"1|duel": 1e15}),
    "session logged out in silence": lambda b: b.client.zadd(b.keys.user("u5"), {"1|duel": -1e15}),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("at_step", [None, 0])
def test_counters_differ_from_sessions_after_each_damage(
    engine: ScriptHarness,
    bystander: Bystander,
    monkeypatch: pytest.MonkeyPatch,
    damage: str,
    at_step: int | None,
) -> None:
    """Damaged before it is read, or just after the reading has started; with events of others all the time."""
    chance = random.Random(1)
    bystander.record([(f"u{n}", "1|duel", "LOGIN", "") for n in range(10)])
    if at_step is None:
        DAMAGES[damage](bystander)

    def act(step: int, _: object) -> None:
        if step == at_step:
            DAMAGES[damage](bystander)
        bystander.record([(f"{user}x", mode, kind, at) for user, mode, kind, at in some_events(chance, 20)])

    between_steps(monkeypatch, act)
    state = read(engine)
    names = state.counters.keys() | state.sessions.keys()
    different = {name for name in names if state.counters.get(name, 0) != state.sessions.get(name, 0)}
    assert different == {"nowhere|duel" if damage == "counter of nobody" else "1|duel"}


@pytest.mark.parametrize(
    "disturb",
    [
        lambda b: b.heal(),
        lambda b: b.client.set(b.keys.epoch, "another"),
        lambda b: b.client.delete(b.keys.epoch),
        lambda b: (b.client.xadd(b.keys.events, {"x": 1}), b.client.xtrim(b.keys.events, 0)),
    ],
    ids=["healed", "rebuilt", "closed", "trimmed"],
)
def test_what_cannot_be_put_together_is_refused(
    engine: ScriptHarness,
    bystander: Bystander,
    monkeypatch: pytest.MonkeyPatch,
    disturb: Callable[[Bystander], Any],
) -> None:
    bystander.record([(f"u{n}", "1|duel", "LOGIN", "") for n in range(300)])
    between_steps(monkeypatch, lambda step, _: disturb(bystander) if step == 1 else None)
    with pytest.raises(Disturbed):
        read(engine)


def test_log_is_read_up_to_the_moment_and_no_further(
    engine: ScriptHarness, bystander: Bystander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many entries came since the last step, and others while they are read."""
    bystander.record([(f"u{n}", "1|duel", "LOGIN", "") for n in range(300)])
    read_page = stream.read

    async def read_late(*args: Any) -> Any:
        bystander.record([(new_token(), "1|late", "LOGIN", "")])
        return await read_page(*args)

    def act(step: int, _: object) -> None:
        for _ in range(2 * stream.PAGE_ENTRIES if step < 5 else 0):
            bystander.record([(f"{step}-{new_token()}", f"1|m{step}", "LOGIN", "")])

    between_steps(monkeypatch, act)
    monkeypatch.setattr(stream, "read", read_late)
    state = read(engine)
    assert state.counters == state.sessions == logged(engine, state)
    assert state.counters["1|late"] > 0
