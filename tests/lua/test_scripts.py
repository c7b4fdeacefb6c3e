"""What the scripts guarantee beyond the session rule."""

import time

import pytest
from redis.exceptions import ResponseError

import lua
from app.contract.token import new_token
from tests.script_harness import ScriptHarness
from tests.servers import eventually

SECOND = 1_000_000
LEASE = 900 * SECOND


def now() -> int:
    return time.time_ns() // 1000


def test_event_older_than_the_lease_is_logged_and_changes_nothing(engine: ScriptHarness) -> None:
    assert engine.record([("u", "1|m", "LOGIN", str(now() - LEASE - SECOND))], lease_us=LEASE) == "l"
    assert (engine.counters(), engine.sessions()) == ({}, {})
    assert [(row.events_name, row.delta, row.outcome) for row in engine.log()] == [("LOGIN", 0, "late")]


def test_event_far_ahead_of_the_clock_is_refused_alone(engine: ScriptHarness) -> None:
    ahead, soon = str(now() + 70 * SECOND), str(now() + 50 * SECOND)
    assert engine.record([("u", "1|m", "LOGIN", ahead), ("u", "1|m", "LOGIN", soon)]) == "ka"
    assert engine.counters() == {"1|m": 1}
    assert len(engine.log()) == 1


def test_arrivals_of_a_call_keep_their_order_also_behind_a_session_ahead_of_the_clock(engine: ScriptHarness) -> None:
    engine.record([("u", "1|m", "LOGIN", str(now() + 50 * SECOND))])
    assert engine.record([("u", "1|m", "LOGOUT", ""), ("u", "1|m", "LOGIN", ""), ("u", "1|m", "LOGOUT", "")]) == "aaa"
    assert engine.counters() == {}


def test_log_gives_times_exactly_near_and_far(engine: ScriptHarness) -> None:
    stamps = [now(), now() - 7 * SECOND + 1, now() - 10**14 - 3, 1, 1_712_395_620_000_001]
    engine.record([(f"u{n}", "1|m", "LOGIN", str(stamp)) for n, stamp in enumerate(stamps)])
    assert [round(row.epoch_timestamp * SECOND) for row in engine.log()] == stamps


def test_repeated_call_answers_as_the_first_and_applies_once(engine: ScriptHarness) -> None:
    token = new_token()
    events = [("u", "1|m", "LOGIN", ""), ("u", "1|m", "LOGOUT", ""), ("u", "1|m", "LOGIN", "")]
    assert [engine.record(events, token) for _ in range(3)] == ["aaa"] * 3
    assert engine.counters() == {"1|m": 1}
    assert len(engine.log()) == 3


def test_call_key_of_another_request_is_a_conflict(engine: ScriptHarness) -> None:
    event = [("u", "1|m", "LOGIN", "")]
    assert engine.record(event, call="key", fingerprint="f" * 32) == "a"
    assert engine.record(event, call="key", fingerprint="f" * 32) == "a"
    with pytest.raises(ResponseError, match=r"^CONFLICT"):
        engine.record(event, call="key", fingerprint="e" * 32)
    assert len(engine.log()) == 1


@pytest.mark.parametrize("epoch", ["", "another"])
def test_closed_or_foreign_partition_is_left_alone(engine: ScriptHarness, epoch: str) -> None:
    engine.do(engine.redis.set(engine.keys.epoch, epoch) if epoch else engine.redis.delete(engine.keys.epoch))
    with pytest.raises(ResponseError, match=r"^EPOCH"):
        engine.record([("u", "1|m", "LOGIN", "")])
    assert (engine.counters(), engine.sessions(), engine.log()) == ({}, {}, [])


@pytest.mark.parametrize("key", ["user", "events"])
def test_key_of_a_wrong_type_refuses_the_call_before_anything_is_written(engine: ScriptHarness, key: str) -> None:
    name = engine.keys.user("bad") if key == "user" else engine.keys.events
    engine.do(engine.redis.set(name, "not ours"))
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        engine.record([("good", "1|m", "LOGIN", ""), ("bad", "1|m", "LOGIN", "")])
    assert engine.counters() == {}
    assert not engine.do(engine.redis.exists(engine.keys.user("good")))


def test_sessions_end_with_the_lease_and_nothing_stays_but_the_log(engine: ScriptHarness) -> None:
    lease = SECOND
    started = now()
    engine.record([(f"u{n}", f"{n % 7}|m{n % 3}", "LOGIN", "") for n in range(500)], lease_us=lease)
    engine.record([("gone", "9|m", "LOGOUT", "")], lease_us=lease)
    engine.expire(lease, limit=90)
    assert now() - started > lease or sum(engine.counters().values()) == 500

    def nothing_is_left() -> bool:
        engine.expire(lease, limit=90)
        return not engine.counters() and not engine.sessions()

    eventually(nothing_is_left)
    assert engine.logged_counters() == {}
    assert sum(row.events_name == "EXPIRE" for row in engine.log()) == 500
    assert not engine.do(engine.redis.keys(engine.keys.expiry + "*")), "the wheel is empty"


def test_session_that_goes_on_is_looked_at_again_later(engine: ScriptHarness) -> None:
    lease = 2 * SECOND
    engine.record([("stays", "1|m", "LOGIN", ""), ("leaves", "1|m", "LOGIN", "")], lease_us=lease)
    before = engine.do(engine.redis.zrange(engine.keys.expiry, 0, -1))

    def only_the_silent_one_is_gone() -> bool:
        engine.record([("stays", "1|m", "HEARTBEAT", "")], lease_us=lease)
        engine.expire(lease)
        return list(engine.sessions()) == ["stays|1|m"]

    eventually(only_the_silent_one_is_gone)
    assert engine.do(engine.redis.zrange(engine.keys.expiry, 0, -1)) > before
    assert engine.counters() == engine.logged_counters() == {"1|m": 1}


def test_every_session_stands_on_the_wheel_once(engine: ScriptHarness) -> None:
    for _ in range(3):
        engine.record([("u", f"{n}|m", kind, "") for n in range(5) for kind in ("LOGIN", "LOGOUT", "HEARTBEAT")])
    keys = engine.do(engine.redis.keys(engine.keys.expiry + ":*"))
    on_wheel = [entry.decode() for key in keys for entry in engine.do(engine.redis.lrange(key, 0, -1))]
    assert sorted(on_wheel) == sorted(engine.sessions())


def wheel(engine: ScriptHarness) -> dict[int, list[str]]:
    """due second -> sessions"""
    due_seconds = [int(due) for due in engine.do(engine.redis.zrange(engine.keys.expiry, 0, -1))]
    lists = {due: engine.do(engine.redis.lrange(engine.keys.expiry_bucket(due), 0, -1)) for due in due_seconds}
    return {due: sorted(session.decode() for session in sessions) for due, sessions in lists.items()}


def test_session_is_due_in_the_first_second_that_its_lease_does_not_outlast(engine: ScriptHarness) -> None:
    second = now() // SECOND - 30
    stamps = {"u0": second * SECOND, "u1": second * SECOND + 1, "u2": (second + 1) * SECOND}
    engine.record([(user, "1|m", "LOGIN", str(stamp)) for user, stamp in stamps.items()], lease_us=LEASE)
    due = second + LEASE // SECOND
    assert wheel(engine) == {due: ["u0|1|m"], due + 1: ["u1|1|m", "u2|1|m"]}


def test_events_given_back_to_an_empty_redis_leave_it_as_they_did_when_recorded(engine: ScriptHarness) -> None:
    start = now() // SECOND * SECOND - 30 * SECOND
    events_and_deltas = [
        (("stays", "1|m", "LOGIN", str(start + 1)), 1),
        (("stays", "2|m", "LOGIN", str(start + 2)), 1),
        (("goes", "3|m", "LOGIN", str(start + 3)), 1),
        (("goes", "3|m", "LOGOUT", str(start + 4)), -1),
        (("never came", "3|m", "LOGOUT", str(start + 5)), 0),
        (("stays", "1|m", "HEARTBEAT", str(start + 6)), 0),
    ]

    def state() -> tuple[dict[str, int], dict[str, int], set[bytes], dict[int, list[str]]]:
        return engine.counters(), engine.sessions(), engine.do(engine.redis.smembers(engine.keys.areas)), wheel(engine)

    engine.record([event for event, _ in events_and_deltas], lease_us=LEASE)
    recorded = state()
    assert recorded[0] == {"1|m": 1, "2|m": 1}
    assert recorded[2] == {b"1", b"2", b"3"}
    engine.fresh()
    keys = [engine.keys.epoch, engine.keys.events, engine.keys.areas, engine.keys.expiry, engine.keys.mode_players]
    args = [value for event, delta in events_and_deltas for value in (*event, delta)]
    heal = lua.heal_events(engine.redis, keys, ["epoch", new_token(), LEASE, 1, "identities", *args])
    assert engine.do(heal) == 0, "no event has another delta than it had"
    assert state() == recorded


def test_server_without_the_script_is_given_it(engine: ScriptHarness) -> None:
    engine.do(engine.redis.script_flush())
    assert engine.record([("u", "1|m", "LOGIN", "")]) == "a"


def trim(engine: ScriptHarness, run_id: str, before: str, keep: int, age: int, epoch: str = "epoch") -> int:
    replid = engine.do(engine.redis.info("replication"))["master_replid"]
    keys = [engine.keys.epoch, engine.keys.events, engine.keys.purge_before, engine.keys.let_go]
    removed: int = engine.do(
        lua.trim_events(engine.redis, keys, [epoch, run_id, replid, *before.split("-"), keep, age])
    )
    return removed


def test_trim_removes_what_is_archived_and_old_and_more_than_the_tail(engine: ScriptHarness) -> None:
    for n in range(30):
        engine.record([(f"u{n}", "1|m", "LOGIN", "")])
    ids = [at.decode() for at, _ in engine.do(engine.redis.xrange(engine.keys.events))]
    run_id = engine.do(engine.redis.info("server"))["run_id"]
    assert trim(engine, run_id, ids[10], keep=0, age=600_000) == 0, "young"
    assert trim(engine, run_id, ids[10], keep=30, age=0) == 0, "the tail"
    for foreign in ({"run_id": "another"}, {"epoch": "another", "run_id": run_id}):
        with pytest.raises(ResponseError, match=r"^(RESTARTED|EPOCH)"):
            trim(engine, before=ids[10], keep=0, age=0, **foreign)
    eventually(lambda: trim(engine, run_id, ids[10], keep=5, age=0) == 10)
    assert trim(engine, run_id, ids[-1], keep=5, age=0) == 15
    assert trim(engine, run_id, ids[-1], keep=5, age=0) == 0
    assert engine.do(engine.redis.xlen(engine.keys.events)) == 5


def test_trim_purges_what_names_an_erased_user_whatever_its_age(engine: ScriptHarness) -> None:
    for n in range(30):
        engine.record([(f"u{n}", "1|m", "LOGIN", "")])
    ids = [at.decode() for at, _ in engine.do(engine.redis.xrange(engine.keys.events))]
    run_id = engine.do(engine.redis.info("server"))["run_id"]
    engine.do(engine.redis.set(engine.keys.purge_before, ids[19]))
    assert trim(engine, run_id, ids[10], keep=30, age=600_000) == 10, "the others are not archived"
    assert trim(engine, run_id, ids[-1], keep=30, age=600_000) == 10, "the others name somebody else"
    engine.do(engine.redis.set(engine.keys.purge_before, ids[-1]))
    assert trim(engine, run_id, "999999999999999-0", keep=30, age=600_000) == 9, "one always stays"
    assert [at.decode() for at, _ in engine.do(engine.redis.xrange(engine.keys.events))] == ids[-1:]


def test_trim_looks_at_fewer_entries_where_they_are_long(engine: ScriptHarness) -> None:
    """What it looks at passes through the script, which would hold Redis for long."""
    for n in range(300):
        engine.do(engine.redis.xadd(engine.keys.events, {"token": "t", "events": "x" * 40_000 if n < 100 else "x"}))
    run_id = engine.do(engine.redis.info("server"))["run_id"]
    newest = "999999999999999-0"
    assert trim(engine, run_id, newest, keep=0, age=-1000) == 10
    engine.do(engine.redis.xtrim(engine.keys.events, 150))
    assert trim(engine, run_id, newest, keep=0, age=-1000) == 100


@pytest.mark.parametrize("purge_before", [None, 4, 14])
def test_purge_mark_of_an_older_release_still_counts(engine: ScriptHarness, purge_before: int | None) -> None:
    """The later of the two marks: `let_go` is set by an API process that is not upgraded yet, or was before it was."""
    for n in range(20):
        engine.record([(f"u{n}", "1|m", "LOGIN", "")])
    ids = [at.decode() for at, _ in engine.do(engine.redis.xrange(engine.keys.events))]
    run_id = engine.do(engine.redis.info("server"))["run_id"]
    engine.do(engine.redis.set(f"{{{engine.keys.partition}}}:let_go", ids[9]))
    if purge_before is not None:
        engine.do(engine.redis.set(engine.keys.purge_before, ids[purge_before]))
    assert trim(engine, run_id, ids[-1], keep=20, age=600_000) == max(9, purge_before or 0) + 1
