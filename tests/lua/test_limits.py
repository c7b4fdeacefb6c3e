"""What opens too much is refused before anything is written; what is known already stays usable."""

import pytest
from redis.exceptions import ResponseError

import lua
from app.contract.calls import Limits, admission, refused_event
from tests.script_harness import ScriptHarness


def login(user: str, area_mode: str) -> tuple[str, str, str, str]:
    return user, area_mode, "LOGIN", ""


def logout(user: str, area_mode: str) -> tuple[str, str, str, str]:
    return user, area_mode, "LOGOUT", ""


def refusal(user: str, area_mode: str, letter: str) -> tuple[str, str, str, str]:
    user, area_mode, kind, stamp = refused_event(list(login(user, area_mode)), letter)
    return user, area_mode, kind, stamp


def refused(engine: ScriptHarness, events: list[tuple[str, str, str, str]], limits: Limits) -> str:
    """The script's error; that nothing was done."""
    before = engine.everything()
    with pytest.raises(ResponseError) as raised:
        engine.record(events, limits=limits)
    assert engine.everything() == before
    return str(raised.value)


def known(engine: ScriptHarness) -> set[bytes]:
    found: set[bytes] = engine.do(engine.redis.smembers(engine.keys.areas))
    return found


def test_area_beyond_the_limit_is_refused_and_known_ones_stay_usable(engine: ScriptHarness) -> None:
    limits = Limits(areas=2)
    engine.record([login("u", "1|m"), login("u", "2|m")], limits=limits)
    assert refused(engine, [login("v", "1|m"), login("v", "3|m"), login("w", "3|n")], limits) == "LIMIT 1:A 2:A"
    engine.record([logout("u", "1|m"), logout("u", "2|m")])
    assert engine.record([login("v", "1|n"), login("v", "2|m"), logout("x", "3|m")], limits=limits) == "aar"
    assert known(engine) == {b"1", b"2"}


def test_area_opened_and_left_in_one_call_counts(engine: ScriptHarness) -> None:
    limits = Limits(areas=1)
    assert engine.record([login("u", "1|m"), logout("u", "1|m")], limits=limits) == "aa"
    assert refused(engine, [login("u", "2|m")], limits) == "LIMIT 0:A"
    assert refused(engine, [login("u", "2|m"), logout("u", "2|m")], limits) == "LIMIT 0:A"


def test_new_areas_a_minute_are_limited(engine: ScriptHarness) -> None:
    limits = Limits(new_areas=3)
    assert engine.record([login("u", f"{n}|m") for n in range(2)], limits=limits) == "aa"
    assert refused(engine, [login("u", f"{n}|m") for n in range(5)], limits) == "LIMIT 3:N 4:N"
    assert engine.record([login("v", f"{n}|m") for n in range(3)], limits=limits) == "aaa"
    assert 0 < engine.do(engine.redis.ttl(engine.keys.new_areas)) <= 60
    engine.do(engine.redis.delete(engine.keys.new_areas))  # the minute is over
    assert engine.record([login("u", "4|m")], limits=limits) == "a"


def test_modes_of_an_area_are_limited_to_those_with_players(engine: ScriptHarness) -> None:
    limits = Limits(modes=2)
    assert engine.record([login("u", "1|a"), login("u", "1|b"), login("u", "2|c")], limits=limits) == "aaa"
    events = [login("v", "1|c"), login("v", "1|b"), login("v", "1|d"), login("v", "2|d")]
    assert refused(engine, events, limits) == "LIMIT 0:M 2:M"
    assert engine.record([login("v", "1|b"), logout("u", "1|a")], limits=limits) == "aa"
    assert engine.record([login("v", "1|c")], limits=limits) == "a"


def test_modes_are_counted_exactly_in_a_call_of_many(engine: ScriptHarness) -> None:
    engine.record([login(f"u{n}", f"1|{n}") for n in range(95)])
    events = [login(f"v{n}", f"1|{n}") for n in range(90, 110)]
    assert refused(engine, events, Limits(modes=100)) == "LIMIT " + " ".join(f"{n}:M" for n in range(10, 20))
    assert engine.record(events[:10], limits=Limits(modes=100)) == "a" * 10
    new = [login("w", f"2|{n}") for n in range(4)]
    assert refused(engine, new, Limits(modes=3)) == "LIMIT 3:M"


def test_sessions_of_a_user_are_limited_log_outs_included(engine: ScriptHarness) -> None:
    limits = Limits(sessions=2)
    assert engine.record([login("u", "1|a"), login("u", "1|b"), logout("u", "1|a")], limits=limits) == "aaa"
    events = [login("u", "1|c"), login("u", "1|a"), login("v", "1|c"), login("v", "1|d"), login("v", "1|e")]
    assert refused(engine, events, limits) == "LIMIT 0:S 4:S"
    assert engine.record([login("u", "1|a"), logout("u", "1|b")], limits=limits) == "aa"


def test_log_out_is_never_refused_and_leaves_nothing_where_its_log_in_would_be(engine: ScriptHarness) -> None:
    limits = Limits(areas=1, new_areas=1, modes=1, sessions=2)
    events = [login("u", "1|m"), *(logout("u", f"{n}|x") for n in range(5))]
    assert engine.record(events, limits=limits) == "arrrrr"
    assert set(engine.sessions()) == {"u|1|m", "u|0|x"}
    assert [row.outcome for row in engine.log()] == ["applied", *["refreshed"] * 5]
    assert known(engine) == {b"1"}


def test_refused_event_is_answered_with_its_letter_and_changes_nothing(engine: ScriptHarness) -> None:
    limits = Limits(areas=1)
    events = [login("u", "1|m"), refusal("u", "2|m", "A"), login("v", "1|m")]
    for _ in range(2):
        assert engine.record(events, token="1" * 28, limits=limits) == "aAa"
    assert engine.counters() == {"1|m": 2}
    assert len(engine.log()) == 2
    assert engine.record([refusal("u", "3|m", "S")]) == "S"


def test_answers_to_keys_are_limited_and_those_that_are_kept_are_given(engine: ScriptHarness) -> None:
    limits = Limits(answers=2)
    for name in ("one", "two", "one"):
        assert engine.record([login("u", "1|m")], call=name, fingerprint="f", limits=limits) in "ard"
    before = engine.everything()
    with pytest.raises(ResponseError, match=r"^ANSWERS"):
        engine.record([login("u", "1|m")], call="three", fingerprint="f", limits=limits)
    assert engine.everything() == before
    assert engine.record([login("u", "1|m")], limits=limits), "without a key"
    (until,) = engine.do(engine.redis.hgetall(engine.keys.kept_answers))
    engine.do(engine.redis.delete(engine.keys.kept_answers))
    engine.do(engine.redis.hset(engine.keys.kept_answers, str(int(until) - 1000), 2))  # they have expired
    assert engine.record([login("u", "1|m")], call="three", fingerprint="f", limits=limits)
    assert engine.do(engine.redis.hgetall(engine.keys.kept_answers)) == {until: b"1"}


def admit(engine: ScriptHarness, area_modes: list[str], limits: Limits) -> int:
    keys, args = admission(engine.keys, "epoch", limits, area_modes)
    admitted: int = engine.run(lua.admit_areas, keys, args)
    return admitted


def test_admitted_areas_are_known_until_nobody_comes(engine: ScriptHarness) -> None:
    limits = Limits(areas=3, new_areas=2, modes=2)
    engine.record([login("u", "1|a"), login("u", "1|b")])
    engine.do(engine.redis.delete(engine.keys.new_areas))
    assert admit(engine, ["1|a", "2|a", "2|b", "3|a"], limits) == 2
    assert engine.record([login("v", "2|b"), login("v", "3|a")], limits=Limits(areas=1)) == "aa"
    before = engine.everything()
    for area_modes, error in [
        (["1|a", "1|c", "4|a", "4|b"], "LIMIT 1:M 2:A 3:A"),
        (["2|a", "2|b", "2|c"], "LIMIT 2:M"),
    ]:
        with pytest.raises(ResponseError) as raised:
            admit(engine, area_modes, limits)
        assert str(raised.value) == error
    with pytest.raises(ResponseError, match="LIMIT 0:N"):
        admit(engine, ["4|a"], Limits(areas=9, new_areas=2))
    assert engine.everything() == before
    assert {b"2", b"3"} <= set(engine.do(engine.redis.zrange(engine.keys.idle_areas, 0, -1)))


def forget(engine: ScriptHarness, idle_seconds: int, limit: int = 100) -> int:
    names = [engine.keys.epoch, engine.keys.areas, engine.keys.idle_areas]
    looked_at: int = engine.run(lua.forget_areas, names, ["epoch", idle_seconds, limit])
    return looked_at


def test_areas_without_players_are_forgotten_in_time_and_make_room(engine: ScriptHarness) -> None:
    limits = Limits(areas=3)
    engine.record([login("u", f"{n}|m") for n in range(3)], limits=limits)
    engine.record([logout("u", "0|m"), logout("u", "1|m")])
    engine.count()
    engine.record([login("v", "1|m")])
    assert forget(engine, idle_seconds=60) == 0
    assert known(engine) == {b"0", b"1", b"2"}
    assert forget(engine, idle_seconds=0) == 2
    assert known(engine) == {b"1", b"2"}
    assert forget(engine, idle_seconds=0) == 0
    assert engine.record([login("u", "new|m")], limits=limits) == "a"
    engine.record([logout("v", "1|m")])
    engine.count()
    assert forget(engine, idle_seconds=0) == 1
    assert known(engine) == {b"2", b"new"}
