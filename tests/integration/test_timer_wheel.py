"""Every active session is on the timer wheel, which turns while it is read."""

import pytest

from archiver import stream, timer_wheel
from tests.bystander import Bystander, between_steps, read
from tests.script_harness import ScriptHarness


@pytest.mark.parametrize("whole_bucket", [False, True])
def test_session_that_is_missing_on_the_wheel_is_found(
    engine: ScriptHarness, bystander: Bystander, whole_bucket: bool
) -> None:
    """It would never expire."""
    bystander.record([("ann", "1|duel", "LOGIN", ""), ("bob", "1|ctf", "LOGIN", ""), ("cid", "1|ctf", "LOGIN", "")])
    [second] = bystander.client.zrange(engine.keys.expiry, 0, -1)
    if whole_bucket:
        bystander.client.zrem(engine.keys.expiry, second)
    else:
        assert bystander.client.lrem(engine.keys.expiry_bucket(int(second)), 1, "bob|1|ctf") == 1
    state = read(engine)
    assert state.counters == state.sessions == {"1|duel": 1, "1|ctf": 2}
    assert state.on_wheel == ({} if whole_bucket else {"1|duel": 1, "1|ctf": 1})


def put_into_due_bucket(bystander: Bystander, sessions: int) -> str:
    """Logs sessions in and makes their bucket one whose second has passed; returns its key."""
    bystander.record([(f"u{n}", "1|duel", "LOGIN", "") for n in range(sessions)])
    due = bystander.keys.expiry_bucket(17)
    for second in bystander.client.zrange(bystander.keys.expiry, 0, -1):
        bystander.client.rename(bystander.keys.expiry_bucket(int(second)), due)
        bystander.client.zrem(bystander.keys.expiry, second)
    bystander.client.zadd(bystander.keys.expiry, {"17": 17})
    return due


def test_wheel_that_nobody_turns_is_read_as_it_stands(engine: ScriptHarness, bystander: Bystander) -> None:
    put_into_due_bucket(bystander, 1500)
    assert read(engine).on_wheel == {"1|duel": 1500}


@pytest.mark.parametrize("later", [True, False])
def test_sessions_taken_out_while_they_are_read_are_not_missed(
    engine: ScriptHarness, bystander: Bystander, monkeypatch: pytest.MonkeyPatch, later: bool
) -> None:
    """The rest of the bucket moves up, and what was taken out goes to a bucket that was read already."""
    monkeypatch.setattr(timer_wheel, "PAGE", 100)
    due = put_into_due_bucket(bystander, 250)
    bystander.record([("ann", "1|duel", "LOGIN", "")])
    buckets: list[object] = []

    def act(_: int, commands: tuple[stream.Command, ...]) -> None:
        if commands[0][:3] == ("LRANGE", due, 100) and buckets == [due]:
            bystander.expire_some(100)
        if commands[0][0] == "LRANGE":
            buckets.append(commands[0][1])
        elif later and buckets and buckets[-1] != due:
            bystander.expire()

    between_steps(monkeypatch, act)
    assert read(engine).on_wheel == {"1|duel": 251}
    assert bystander.client.exists(due) == (not later)


def test_wheel_that_never_rests_is_left_out(
    engine: ScriptHarness, bystander: Bystander, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timer_wheel, "ROUNDS", 3)
    monkeypatch.setattr(timer_wheel, "PAUSE_SECONDS", 0)
    bystander.record([(f"u{n}", "1|duel", "LOGIN", "") for n in range(100)])
    bystander.client.zadd(engine.keys.expiry, {"17": 17})
    bystander.client.rpush(engine.keys.expiry_bucket(17), *("x|1|duel" for _ in range(100)))
    between_steps(monkeypatch, lambda *_: bystander.client.lpop(engine.keys.expiry_bucket(17)))
    state = read(engine)
    assert state.on_wheel is None
    assert state.counters == state.sessions == {"1|duel": 100}
