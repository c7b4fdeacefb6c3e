"""`modepulse verify` beside a service that goes on: it finds no difference, and holds Redis for moments only."""

import asyncio
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis

from app.contract.connection import connect
from app.settings import Settings
from archiver.errors import NotSettled
from archiver.verify import Verdict, verify
from tests.conftest import BINARIES, SAME_ON_EVERY_SERVER
from tests.faults.kills import kill
from tests.faults.load import Load, wait_until_archived
from tests.http_client import event
from tests.servers import Stack, eventually, modepulse


def run_verify(stack: Stack, progress: Callable[[int], None] = lambda _: None, **settings: Any) -> Verdict:
    """`modepulse verify` in this process."""
    run = stack.run
    read = Settings(redis_url=run["redis_url"], postgres_dsn=run["postgres_dsn"], **settings)

    async def connected() -> Verdict:
        client = connect(read, seconds=30)
        try:
            return await verify(read, client, progress)
        finally:
            await client.aclose()

    return asyncio.run(connected())


def test_counts_match_while_sessions_expire_and_redis_restarts(redis_name: str, tmp_path: Path) -> None:
    binary = str(BINARIES[redis_name])
    with (
        Stack(tmp_path / "data", redis_server=binary, partitions="3", session_lease_seconds="2") as stack,
        Load(stack.url, 52, rate=3000) as load,
    ):
        for number in range(6):
            load.await_posts(20)
            verdict = run_verify(stack, partitions=3, session_lease_seconds=2.0)
            assert not verdict.differences
            assert verdict.live > 0
            if number == 3:
                kill(stack, "redis")


@SAME_ON_EVERY_SERVER
def test_verify_starts_again_when_it_was_disturbed(own_stack: Stack) -> None:
    with own_stack as stack, redis.Redis.from_url(stack.run["redis_url"]) as client:
        httpx2.post(stack.url + "/events", json=event(1, "ann")).raise_for_status()
        wait_until_archived(stack)
        disturb = [True, True]

        def trim_what_is_unread(_: int) -> None:
            if disturb and disturb.pop():
                client.xadd("{0}:events", {"no": "entry of ours"})
                client.xadd("{0}:events", {"no": "entry of ours"})
                client.xtrim("{0}:events", 1, approximate=False)

        assert not run_verify(stack, trim_what_is_unread).differences
        assert not disturb
        disturb = [True] * 100
        with pytest.raises(NotSettled, match="trimmed"):
            run_verify(stack, trim_what_is_unread)


@SAME_ON_EVERY_SERVER
def test_archiver_counts_the_totals_of_a_former_release_or_a_damaged_log(own_stack: Stack) -> None:
    with own_stack as stack, redis.Redis.from_url(stack.run["redis_url"]) as client:
        for n in range(5):
            httpx2.post(stack.url + "/events", json=[event(a, f"u{n}") for a in range(n + 1)]).raise_for_status()
        wait_until_archived(stack)
        client.delete("{0}:totals", "{0}:area_players", "{0}:mode_players", "{0}:idle_areas")
        client.sadd("{0}:areas", "long gone")
        client.xtrim("{0}:events", 1, approximate=False)
        answer = httpx2.get(stack.url + "/areas")
        assert (answer.status_code, answer.json().get("code")) in [(503, "counting"), (200, None)]

        def counted() -> bool:
            return bool(httpx2.get(stack.url + "/areas").json().get("players") == 15)

        eventually(counted, 20)
        assert [area["players"] for area in httpx2.get(stack.url + "/areas").json()["areas"]] == [5, 4, 3, 2, 1]
        assert client.zrange("{0}:idle_areas", 0, -1) == [b"long gone"]
        assert not run_verify(stack).differences
        client.zincrby("{0}:mode_players", 1, "duel")
        assert run_verify(stack).differences == ["partition 0, mode duel: total of players 16, sum of counters 15"]


# Commands whose time grows with what is in Redis.
WALKS = ("keys", "smembers", "flushall", "sort", "debug", "memory")


@SAME_ON_EVERY_SERVER
def test_nothing_that_an_operator_runs_asks_redis_for_all_at_once(own_stack: Stack) -> None:
    with own_stack as stack, redis.Redis.from_url(stack.run["redis_url"]) as client:
        for first in range(0, 5000, 1000):
            items = [event(n % 50, f"user-{n}", mode=f"mode {n % 40}") for n in range(first, first + 1000)]
            httpx2.post(stack.url + "/events", json=items).raise_for_status()
        wait_until_archived(stack)
        client.config_resetstat()
        client.config_set("slowlog-log-slower-than", 0)
        client.config_set("slowlog-max-len", 100_000)
        client.slowlog_reset()
        for command in ("verify", "rebuild", "verify"):
            ran = modepulse(command, "--data-dir", str(stack.directory))
            assert ran.returncode == 0, ran.stdout + ran.stderr
        counted = client.info("commandstats")
        assert counted["cmdstat_scan"]["calls"] > 100
        assert not [walk for walk in WALKS if f"cmdstat_{walk}" in counted]
        commands = [entry["command"] for entry in client.slowlog_get(100_000)]
        assert {command for command in commands if command.startswith(b"FLUSHDB")} == {b"FLUSHDB ASYNC"}
        assert {command for command in commands if command.startswith(b"HGETALL")} == {b"HGETALL {0}:keys"}
        assert not [command for command in commands if re.match(rb"(L|Z|X)(REV)?RANGE \S+ (0 -1|- \+)$", command)]


@SAME_ON_EVERY_SERVER
def test_events_on_their_way_are_counted(own_stack: Stack) -> None:
    with own_stack as stack:
        httpx2.post(stack.url + "/events", json=event(1, "ann")).raise_for_status()
        wait_until_archived(stack)
        stack.kill("archiver", signal.SIGSTOP)
        try:
            httpx2.post(stack.url + "/events", json=[event(1, f"bob {n}") for n in range(7)]).raise_for_status()
            printed = modepulse("verify", "--data-dir", str(stack.directory)).stdout
        finally:
            stack.kill("archiver", signal.SIGCONT)
        assert "\n  8 players now: " in printed
        assert "\n  1 player archived: " in printed
        assert "\n  7 events on their way: " in printed
