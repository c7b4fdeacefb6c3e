"""Stores that stand still, are full, or do not keep what they promise."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import redis

from modepulse.launcher.child_process import child_setup, free_port
from modepulse.launcher.redis_server import redis_command
from tests.conftest import BINARIES
from tests.faults.load import Load, check
from tests.faults.summary import SUMMARY
from tests.postgres import query
from tests.servers import Stack, eventually, live_counts, ready

EVENT = {"area_code": 1, "multiplayer_mode": "duel", "user_id": "u", "events_name": "LOGIN"}


def post(stack: Stack, user: str = "u", count: int = 1) -> httpx.Response:
    items = [EVENT | {"user_id": f"{user}{n}"} for n in range(count)]
    return httpx.post(stack.url + "/events", json={"items": items}, timeout=12)


def postgres_processes(stack: Stack) -> list[int]:
    parent = stack.run["pids"]["postgres"]
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [parent, *map(int, children)]


@contextmanager
def frozen_postgres(stack: Stack) -> Iterator[None]:
    pids = postgres_processes(stack)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.faults)])
def test_events_are_taken_while_postgres_stands_still(own_stack: Stack, redis_name: str, seconds: float) -> None:
    with own_stack as stack:
        with Load(stack.url, 51, rate=3000) as load:
            with frozen_postgres(stack):
                end = time.monotonic() + seconds
                eventually(lambda: time.monotonic() > end, seconds + 5)
            answers = [p.answer for p in load.posts[:-8]]
            assert set(answers) == {"acked"}
        SUMMARY.add(f"{redis_name}: Postgres frozen {seconds} s", 1, check(stack, load))


def test_full_redis_refuses_events_and_answers_reads(own_stack: Stack, redis_name: str) -> None:
    with own_stack as stack, redis.Redis.from_url(stack.run["redis_url"]) as client:
        assert post(stack, count=300).status_code == 200
        used = client.info("memory")["used_memory"]
        client.config_set("maxmemory", int(used * 1.1))
        refused = eventually(lambda: answer if (answer := post(stack, "v")).status_code == 503 else None)
        assert refused.json()["code"] == "memory_full"
        assert int(refused.headers["retry-after"]) > 0
        assert live_counts(stack)["1|duel"] >= 300
        client.config_set("maxmemory", "4gb")
        eventually(lambda: post(stack, "w").status_code == 200)


def test_out_of_memory_is_refused_before_anything_is_written(redis_name: str, tmp_path: Path) -> None:
    with Stack(tmp_path / "data", redis_server=str(BINARIES[redis_name]), memory_share="1") as stack:
        assert post(stack, count=10).status_code == 200
        with redis.Redis.from_url(stack.run["redis_url"]) as client:
            stack.kill("api", signal.SIGSTOP)  # so that its own look at the memory comes too late
            stack.kill("api", signal.SIGCONT)
            client.config_set("maxmemory", int(client.info("memory")["used_memory"] * 0.8))
            answer = post(stack, "v", 450)
            assert answer.status_code == 503
            assert answer.json()["code"] in ("out_of_memory", "memory_full")
            assert live_counts(stack) == {"1|duel": 10}
            client.config_set("maxmemory", "4gb")
        eventually(lambda: post(stack, "v", 450).status_code == 200)
        assert live_counts(stack) == {"1|duel": 460}


def test_redis_down_is_told_at_once_and_it_comes_back_by_itself(own_stack: Stack) -> None:
    with own_stack as stack:
        assert stack.process is not None
        post(stack)
        stack.process.send_signal(signal.SIGSTOP)  # so that Redis stays down
        stack.kill("redis")
        eventually(lambda: not ready(stack))
        start = time.monotonic()
        answers = [
            post(stack),
            httpx.get(stack.url + "/stats?area_code=1"),
            httpx.get(stack.url + "/readyz"),
            httpx.get(stack.url + "/areas"),
        ]
        assert time.monotonic() - start < 2
        assert [answer.status_code for answer in answers] == [503] * 4
        assert answers[0].json()["code"] == "redis_unavailable"
        assert answers[0].headers["retry-after"]
        assert httpx.get(stack.url + "/healthz").status_code == 200
        stack.process.send_signal(signal.SIGCONT)
        eventually(lambda: ready(stack))
        assert post(stack, "v").status_code == 200


def test_hanging_redis_is_not_waited_for_by_everybody(own_stack: Stack) -> None:
    with own_stack as stack:
        post(stack)
        stack.kill("redis", signal.SIGSTOP)
        try:
            start = time.monotonic()
            answer = post(stack, "v")
            assert (answer.status_code, answer.json()["code"]) == (503, "outcome_unknown")
            assert time.monotonic() - start < 9
        finally:
            stack.kill("redis", signal.SIGCONT)
        eventually(lambda: post(stack, "v").status_code == 200)
        assert live_counts(stack) == {"1|duel": 2}


def test_weaker_settings_are_told_as_degraded_durability(own_stack: Stack) -> None:
    with own_stack as stack, redis.Redis.from_url(stack.run["redis_url"]) as client:
        assert httpx.get(stack.url + "/readyz").json() == {"status": "ready", "durability": "full"}
        client.config_set("appendfsync", "everysec")
        degraded = {"status": "ready", "durability": "degraded", "degraded": ["appendfsync everysec"]}
        eventually(lambda: httpx.get(stack.url + "/readyz").json() == degraded)


def test_missing_replicas_leave_the_outcome_unknown(redis_name: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"wait_replicas": "1", "redis_timeout_seconds": "0.3", "write_deadline_seconds": "1"}
    with Stack(tmp_path / "data", redis_server=str(BINARIES[redis_name]), **settings) as stack:
        assert post(stack).json()["code"] == "outcome_unknown"
        primary = urlsplit(stack.run["redis_url"])
        credentials = ["--masteruser", str(primary.username), "--masterauth", str(primary.password)]
        replica_port = free_port()
        directory = tmp_path / "replica"
        directory.mkdir()
        command = redis_command(BINARIES[redis_name], replica_port, directory)
        replica = subprocess.Popen(
            [*command, "--replicaof", "127.0.0.1", str(primary.port), *credentials],
            stdout=subprocess.DEVNULL,
            preexec_fn=child_setup(signal.SIGKILL),
        )
        try:
            eventually(lambda: post(stack, "v").status_code == 200, 30)
        finally:
            replica.kill()
            replica.wait()


def test_event_that_postgres_cannot_store_is_put_aside(own_stack: Stack) -> None:
    with own_stack as stack, redis.Redis.from_url(stack.run["redis_url"]) as client:
        token = client.xadd("{0}:events", {"nothing": "of ours"}) and "0" * 28
        lines = "LOGIN+1|1|duel|good|+0\nLOGIN+1|1|duel|nul\x00|+0\nLOGIN+9|1|duel|x|+0\nLOGIN+1|1|duel|also good|+0"
        client.xadd("{0}:events", {"token": token, "at": 1_795_000_000_000_000, "events": lines})
        eventually(lambda: len(query(stack, "SELECT * FROM archive_rejects")) == 3)
        stored = query(stack, "SELECT user_id FROM area_mode_events ORDER BY event_id")
        assert [row["user_id"] for row in stored] == ["good", "also good"]
        reasons = [row["reason"] for row in query(stack, "SELECT reason FROM archive_rejects ORDER BY reason")]
        assert "CharacterNotInRepertoire" in reasons[0]
        assert post(stack).status_code == 200
        eventually(lambda: len(query(stack, "SELECT * FROM area_mode_events")) == 3)


SLOW_FSYNC = """
#define _GNU_SOURCE
#include <unistd.h>
int fdatasync(int fd) { (void)fd; usleep(4000000); return 0; }
int fsync(int fd) { (void)fd; usleep(4000000); return 0; }
"""


@pytest.mark.faults
def test_control_everysec_with_a_slow_disk_loses_events_and_the_checker_says_so(
    redis_name: str, tmp_path: Path
) -> None:
    """Shows that the checker can fail, and what `appendfsync always` is for."""
    (tmp_path / "slow.c").write_text(SLOW_FSYNC)
    shim = tmp_path / "slow.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(shim), str(tmp_path / "slow.c")], check=True)
    slow = tmp_path / "redis-server"
    slow.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] || export LD_PRELOAD={shim}\n'
        f'exec {BINARIES[redis_name]} "$@" $([ "$1" = --version ] || echo --appendfsync everysec)\n'
    )
    slow.chmod(0o755)
    with Stack(tmp_path / "data", redis_server=str(slow)) as stack:
        stack.kill("archiver", signal.SIGSTOP)  # what is archived would be healed
        with Load(stack.url, 61, rate=2000) as load:
            eventually(lambda: len(load.posts) > 150, 30)
            stack.kill("redis")
            load.pause()
        stack.kill("archiver", signal.SIGCONT)
        report = check(stack, load)
    assert report.lost > 0
