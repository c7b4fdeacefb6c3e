"""Players by area and by mode: they follow the log, and can be counted anew while events come in."""

from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from app.contract import totals
from app.contract.calls import RecordCall
from app.contract.keys import Keys
from app.contract.log import StreamId, format_entry, format_line
from app.contract.token import new_token
from app.contract.totals import Uncountable, count_log, read_log
from archiver import recount
from lua import add_totals, record_events
from tests.script_harness import LEASE_US, ScriptHarness


def play(engine: ScriptHarness, users: int, areas: int = 7, modes: int = 3, kind: str = "LOGIN") -> None:
    engine.record([(f"u{n}", f"{n % areas}|m{n % modes}", kind, "") for n in range(users)])


def sums(engine: ScriptHarness) -> tuple[dict[str, int], dict[str, int], int]:
    """What the totals have to be."""
    by_area: dict[str, int] = {}
    by_mode: dict[str, int] = {}
    for area_mode, players in engine.counters().items():
        area, mode = area_mode.split("|")
        by_area[area] = by_area.get(area, 0) + players
        by_mode[mode] = by_mode.get(mode, 0) + players
    return by_area, by_mode, sum(by_area.values())


def test_totals_are_counted_in_pieces(engine: ScriptHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "PIECE_NAMES", 5)
    monkeypatch.setattr(totals, "PAGE_ENTRIES", 2)
    for n in range(9):
        engine.record([(f"u{n}", f"{n}|m{m}", "LOGIN", "") for m in range(2)])
    assert not engine.do(count_log(engine.redis, engine.keys, engine.script(add_totals), 2))
    assert 0 < engine.totals()[2] < 18
    engine.count()
    assert engine.totals() == sums(engine)


def test_what_has_no_players_leaves_the_totals_and_its_area_is_idle(engine: ScriptHarness) -> None:
    play(engine, 20)
    engine.count()
    play(engine, 20, kind="LOGOUT")
    assert engine.do(engine.redis.zcard(engine.keys.mode_players)) == 3
    engine.record([("u", "short|m", "LOGIN", ""), ("u", "short|m", "LOGOUT", "")])
    engine.count()
    assert engine.totals() == ({}, {}, 0)
    assert not engine.do(engine.redis.exists(engine.keys.area_players, engine.keys.mode_players))
    idle = {area.decode() for area in engine.do(engine.redis.zrange(engine.keys.idle_areas, 0, -1))}
    assert idle == {*map(str, range(7)), "short"}


def test_names_that_look_like_lines_are_names(engine: ScriptHarness) -> None:
    for name in ("HEAL+1", "LOGIN+1", "A-1", "\u2028LOGIN+1", "日本", "-"):
        engine.record([(name, f"{name}|{name}", "LOGIN", ""), ("x", f"{name}|{name}", "LOGIN", "")])
        engine.record([(name, f"{name}|{name}", "LOGIN", ""), ("x", f"{name}|{name}", "LOGOUT", "")])
    engine.count()
    assert engine.totals() == sums(engine)


def test_piece_is_added_once_by_whoever_comes_first(engine: ScriptHarness) -> None:
    play(engine, 5)
    keys = engine.keys
    names = [keys.epoch, keys.totals, keys.area_players, keys.mode_players, keys.idle_areas, keys.events]
    assert engine.run(add_totals, names, ["epoch", "0-0", "1-1", 1, 1, "0", 1, "m0", 1]) == 1
    assert engine.run(add_totals, names, ["epoch", "0-0", "1-1", 1, 1, "0", 1, "m0", 1]) == 0
    assert engine.totals() == ({"0": 1}, {"m0": 1}, 1)
    with pytest.raises(ResponseError, match="EPOCH"):
        engine.run(add_totals, names, ["another", "1-1", "1-2", 1, 1, "0", 1, "m0", 1])


def trimmed(engine: ScriptHarness) -> None:
    engine.do(engine.redis.xtrim(engine.keys.events, maxlen=1, approximate=False))


def corrected(engine: ScriptHarness) -> None:
    entry = format_entry(new_token(), 1, [format_line("HEAL", 2, "0", "m0", "-", "+0")])
    engine.do(engine.redis.execute_command("XADD", engine.keys.events, "*", *entry))
    engine.do(engine.redis.zincrby(engine.keys.area("0"), 2, "m0"))


def healed(engine: ScriptHarness) -> None:
    entry = ["healed", "0" * 32, *format_entry(new_token(), 1, [""])]
    engine.do(engine.redis.execute_command("XADD", engine.keys.events, "*", *entry))
    engine.do(engine.redis.zincrby(engine.keys.area("0"), 3, "m1"))


@pytest.mark.parametrize("disturb", [trimmed, corrected, healed])
def test_totals_are_counted_anew_where_the_log_does_not_say_them(engine: ScriptHarness, disturb: Any) -> None:
    play(engine, 20)
    play(engine, 40)
    disturb(engine)
    for _ in range(2):
        with pytest.raises(Uncountable):
            engine.count()
    engine.recount()
    assert engine.totals() == sums(engine)
    play(engine, 50)
    engine.count()
    assert engine.totals() == sums(engine)


def test_recount_notes_areas_without_players_that_nobody_noted(engine: ScriptHarness) -> None:
    """As an older release left them."""
    engine.do(engine.redis.sadd(engine.keys.areas, "old", "0"))
    engine.do(engine.redis.zadd(engine.keys.idle_areas, {"older": 1}))
    play(engine, 1)
    engine.recount()
    idle = engine.do(engine.redis.zrange(engine.keys.idle_areas, 0, -1, withscores=True))
    assert [area for area, _ in idle] == [b"older", b"old"]
    assert idle[0][1] == 1


def test_closed_partition_is_not_counted(engine: ScriptHarness) -> None:
    play(engine, 5)
    engine.do(engine.redis.delete(engine.keys.epoch))
    engine.count()
    assert engine.totals() == ({}, {}, 0)


def test_recount_is_of_one_moment_while_events_come_in(engine: ScriptHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    play(engine, 60, areas=20)
    trimmed(engine)
    for name, value in {"STEP_AREAS": 3, "STEP_MODES": 4}.items():
        monkeypatch.setattr(recount, name, value)
    reads = 0

    async def read_log_between_events(redis: Redis, keys: Keys, after: StreamId, *commands: Any) -> Any:
        nonlocal reads
        reads += 1
        # Known areas gain and lose players, and others become known.
        moves = [(f"u{reads}", f"{reads % 20}|m{reads % 3}", "LOGOUT"), (f"v{reads}", f"{reads % 25}|n", "LOGIN")]
        script_args = [arg for move in moves for arg in (*move, "")]
        call = RecordCall(new_token(), LEASE_US, 1, new_token(), 60)
        await record_events(redis, call.keys(keys), call.args("epoch", script_args))
        return await read_log(redis, keys, after, *commands)

    monkeypatch.setattr(recount, "read_log", read_log_between_events)
    engine.recount()
    assert reads > 10
    engine.count()
    assert engine.totals() == sums(engine)


def test_recount_gives_up_when_the_log_is_not_whole(engine: ScriptHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    play(engine, 60, areas=20)
    monkeypatch.setattr(recount, "STEP_AREAS", 5)

    async def read_log_of_another(redis: Redis, keys: Keys, *more: Any) -> Any:
        end, entries, replies = await read_log(redis, keys, *more)
        return end._replace(added=end.added + len(replies)), entries, replies

    monkeypatch.setattr(recount, "read_log", read_log_of_another)
    with pytest.raises(Uncountable):
        engine.recount()
    assert engine.totals() == ({}, {}, 0)
