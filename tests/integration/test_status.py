"""`modepulse status`: of a service that is well, and of one whose parts fail."""

import json
import signal
import subprocess
from typing import Any

import httpx2
import pytest
import redis

from tests.conftest import SAME_ON_EVERY_SERVER
from tests.faults.load import Load, wait_until_archived
from tests.http_client import event
from tests.servers import Stack, eventually, limit_memory, modepulse, start_modepulse


def status(stack: Stack) -> tuple[int, dict[str, Any]]:
    done = modepulse("status", "--json", "--data-dir", str(stack.directory))
    return done.returncode, json.loads(done.stdout)


def status_says(stack: Stack, code: int, text: str) -> bool:
    """In `reason` or `attention`."""
    found = status(stack)
    return found[0] == code and text in " ".join([found[1]["reason"], *found[1]["attention"]])


def test_status_of_a_service_that_is_well(stack: Stack, http: httpx2.Client) -> None:
    http.post("/events", json=event(1, "stat-1")).raise_for_status()
    code, found = eventually(lambda: status(stack) if status(stack)[1]["jobs"] else None, 30)
    assert (code, found["ready"], found["reason"], found["attention"]) == (0, True, "", [])
    assert found["api"]["url"] == stack.url
    assert found["sessions"] >= 1
    assert found["log_entries"] >= 1
    assert found["archive"]["exact"]
    assert found["leader"].endswith(f":{stack.run['pids']['archiver']}")
    assert {job["name"] for job in found["jobs"]} >= {"lead", "drain", "expire", "trim", "keys", "retention"}
    shown = modepulse("status", "--data-dir", str(stack.directory)).stdout
    assert "yes, durability full" in shown
    assert found["leader"] in shown
    assert len(shown.splitlines()) <= 24


@SAME_ON_EVERY_SERVER
def test_rate_and_lag_are_counted(own_stack: Stack) -> None:
    with own_stack as stack, httpx2.Client(base_url=stack.url) as http:
        http.post("/events", json=event(1, "ann")).raise_for_status()
        wait_until_archived(stack)
        stack.kill("archiver", signal.SIGSTOP)
        try:
            http.post("/events", json=[event(1, f"bob {n}") for n in range(7)]).raise_for_status()
            for n in range(300):  # more entries than are counted one by one
                http.post("/events", json=[event(2, f"eve {n}"), event(3, f"eve {n}")]).raise_for_status()
            found = status(stack)[1]
            assert not found["archive"]["exact"]
            assert abs(found["archive"]["lag_events"] - 607) < 30
            assert found["sessions"] == 608
            assert eventually(status_says, 30, stack=stack, code=3, text="no archiver leads")
        finally:
            stack.kill("archiver", signal.SIGCONT)


@SAME_ON_EVERY_SERVER
def test_rate_is_that_of_all_events(own_stack: Stack) -> None:
    with own_stack as stack, Load(stack.url, 7, rate=200) as load:
        load.await_posts(20)
        assert 20 < status(stack)[1]["events_per_second"] < 400


@SAME_ON_EVERY_SERVER
@pytest.mark.parametrize(
    ("part", "code", "text"), [("redis", 1, "Redis: "), ("postgres", 3, "Postgres: "), ("api", 1, "the API at")]
)
def test_part_that_stands_still_is_named(own_stack: Stack, part: str, code: int, text: str) -> None:
    with own_stack as stack:
        stack.kill(part, signal.SIGSTOP)
        try:
            assert eventually(status_says, 30, stack=stack, code=code, text=text)
        finally:
            stack.kill(part, signal.SIGCONT)


@SAME_ON_EVERY_SERVER
def test_full_and_weakened_redis_is_named(own_stack: Stack) -> None:
    with own_stack as stack, redis.Redis.from_url(stack.run["redis_url"]) as client:
        client.config_set("appendfsync", "everysec")
        assert status_says(stack, 3, "appendfsync everysec")
        limit_memory(client, client.info("memory")["used_memory"] + 1000)
        assert status_says(stack, 1, "memory_full")


@SAME_ON_EVERY_SERVER
def test_wiped_redis_is_named(own_stack: Stack) -> None:
    with own_stack as stack, redis.Redis.from_url(stack.run["redis_url"]) as client:
        stack.kill("archiver", signal.SIGSTOP)
        try:
            client.flushall()
            assert status_says(stack, 1, "Redis is empty")
        finally:
            stack.kill("archiver", signal.SIGCONT)


@SAME_ON_EVERY_SERVER
def test_watch_prints_an_object_a_line_until_it_is_interrupted(stack: Stack) -> None:
    watch = start_modepulse(
        *("status", "--watch", "--json", "--data-dir", str(stack.directory)), stdout=subprocess.PIPE
    )
    assert watch.stdout is not None
    lines = [json.loads(watch.stdout.readline()) for _ in range(2)]
    watch.send_signal(signal.SIGINT)
    assert watch.wait(20) == 0
    watch.stdout.close()
    assert all(line["ready"] for line in lines)
