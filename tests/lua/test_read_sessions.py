"""Sessions and names of counters are read in steps of limited work."""

from typing import Any

import pytest

import lua
from app.contract.keys import Keys
from tests.script_harness import ScriptHarness

NO_LIMIT = 1_000_000


def step(engine: ScriptHarness, cursor: str, limit: int, max_members: int = 128) -> tuple[str, list[list[str]]]:
    """The next cursor; active sessions, logged-out ones, counters, keys that were not read."""
    reply: Any = engine.do(lua.read_sessions(engine.redis, [engine.keys.epoch], [cursor, limit, max_members]))
    return reply[0].decode(), [lines.decode().split("\n") if lines else [] for lines in reply[1:]]


def read(engine: ScriptHarness, limit: int, max_members: int = 128) -> tuple[int, list[set[str]]]:
    """How many steps it took, and all that they returned."""
    found: list[set[str]] = [set(), set(), set(), set()]
    cursor, steps = "0", 0
    while not steps or cursor != "0":
        cursor, lists = step(engine, cursor, limit, max_members)
        for names, some in zip(found, lists, strict=True):
            names.update(some)
        steps += 1
    return steps, found


@pytest.mark.parametrize("limit", [1, 20, 200, NO_LIMIT])
def test_all_is_returned_however_small_the_steps(engine: ScriptHarness, limit: int) -> None:
    engine.do(engine.redis.flushdb())
    engine.do(engine.redis.set(engine.keys.epoch, "epoch"))
    users = [f"u{n}" for n in range(400)]
    engine.record([(user, f"{n % 9}|m{n % 2}", "LOGIN", "") for n, user in enumerate(users)])
    engine.record([(user, f"{n % 9}|m{n % 2}", "LOGOUT", "") for n, user in enumerate(users) if n % 3 == 0])
    engine.record([("u1", "4|other mode", "LOGIN", "")])
    steps, (active, logged_out, counters, unread) = read(engine, limit)
    sessions = engine.sessions()
    read_later = {name for name in sessions if engine.keys.user(name.partition("|")[0]) in unread}
    assert active == {session for session, state in sessions.items() if state > 0} - read_later
    assert logged_out == {session for session, state in sessions.items() if state < 0} - read_later
    assert counters == {name for name in engine.counters() if engine.keys.area(name.partition("|")[0]) not in unread}
    assert not unread or limit < 200
    assert steps >= 400 / max(30, limit)


def test_keys_of_other_partitions_and_other_kinds_are_left_out(engine: ScriptHarness) -> None:
    engine.record([("u", "1|m", "LOGIN", "")])
    other = Keys(engine.keys.partition + 100_000)
    for key in (other.user("u"), other.area("1"), engine.keys.tag + "other:u"):
        engine.do(engine.redis.zadd(key, {"1|m": 1}))
    engine.do(engine.redis.set(engine.keys.user("no sorted set"), "x"))
    _, found = read(engine, NO_LIMIT)
    assert found == [{"u|1|m"}, set(), {"1|m"}, set()]


def test_key_with_more_members_is_only_named(engine: ScriptHarness) -> None:
    engine.record([("u", f"1|m{n}", "LOGIN", "") for n in range(5)] + [("v", "1|m1", "LOGIN", "")])
    _, found = read(engine, NO_LIMIT, max_members=4)
    assert found == [{"v|1|m1"}, set(), set(), {engine.keys.user("u"), engine.keys.area("1")}]
    _, found = read(engine, NO_LIMIT, max_members=5)
    assert not found[3]


@pytest.mark.parametrize(("members", "length"), [(100, 1), (10, 255)])
def test_work_of_a_step_is_limited_whatever_users_have(engine: ScriptHarness, members: int, length: int) -> None:
    """Users of many sessions, or of long names, may all be in one page of SCAN."""
    for user in range(200):
        engine.record(
            [(f"{user:x<{length}}", f"{n:x<{length}}|{n:x<{4 * length}}", "LOGIN", "") for n in range(members)]
        )
    limit, most = 300, 0.0
    cursor, steps = "0", 0
    while not steps or cursor != "0":
        cursor, (active, *_) = step(engine, cursor, limit)
        most = max(most, sum(1 + len(name) / 256 for name in active))
        steps += 1
    assert limit < most < 2 * limit + members * (1 + 6 * length / 256)
    assert steps > 10
