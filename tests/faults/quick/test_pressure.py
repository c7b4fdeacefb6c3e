"""Stores that stand still, are full, or do not keep what they promise."""

import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import redis

from app.settings import Settings
from modepulse.launcher.child_process import child_setup
from modepulse.launcher.redis_server import redis_command
from tests.conftest import BINARIES, ON_REDIS, ON_VALKEY
from tests.faults.freeze import freeze_postgres
from tests.ports import unused_port
from tests.postgres import query
from tests.servers import Stack, eventually, limit_memory, live_counts, ready

EVENT = {"area_code": 1, "multiplayer_mode": "duel", "user_id": "u", "events_name": "LOGIN"}


def post(stack: Stack, user: str = "u", count: int = 1, timeout: float = 12, **more: Any) -> httpx2.Response:
    items = [EVENT | {"user_id": f"{user}{n}"} for n in range(count)]
    with httpx2.Client(timeout=timeout) as client:
        return client.post(stack.url + "/events", json={"items": items}, **more)


@ON_VALKEY
def test_events_are_taken_while_postgres_stands_still(own_stack: Stack, redis_name: str) -> None:
    with own_stack as stack:
        freeze_postgres(stack, f"{redis_name}: Postgres frozen 3 s", 3)


@ON_REDIS
def test_full_redis_refuses_events_and_answers_reads(own_stack: Stack, redis_name: str) -> None:
    with own_stack as stack, redis.Redis.from_url(stack.run["redis_url"]) as client:
        assert post(stack, count=300).status_code == 200
        used = client.info("memory")["used_memory"]
        limit_memory(client, int(used * 1.1))
        refused = eventually(lambda: answer if (answer := post(stack, "v")).status_code == 503 else None)
        assert refused.json()["code"] == "memory_full"
        assert int(refused.headers["retry-after"]) > 0
        assert live_counts(stack)["1|duel"] >= 300
        client.config_set("maxmemory", "4gb")
        eventually(lambda: post(stack, "w").status_code == 200)


def test_out_of_memory_is_refused_before_anything_is_written(own_stack: Stack) -> None:
    """By the script itself: the API cannot look at the memory, as where a provider forbids INFO."""
    with own_stack as stack, redis.Redis.from_url(stack.run["redis_url"]) as client:
        assert post(stack, count=10).status_code == 200
        used = client.info("memory")["used_memory"]
        client.execute_command("ACL", "SETUSER", "api", "-info")
        limit_memory(client, int(used * 0.8))
        refused = post(stack, "v", 450)
        assert (refused.status_code, refused.json()["code"]) == (503, "out_of_memory")
        assert live_counts(stack) == {"1|duel": 10}
        assert httpx2.get(stack.url + "/areas").json()["players"] == 10, "counted meanwhile"
        client.config_set("maxmemory", "4gb")
        assert post(stack, "v", 450).status_code == 200
        assert live_counts(stack) == {"1|duel": 460}


@ON_VALKEY
def test_lost_redis_is_noticed_at_once_and_it_comes_back_by_itself(own_stack: Stack) -> None:
    with own_stack as stack:
        assert stack.process is not None
        post(stack)
        stack.process.send_signal(signal.SIGSTOP)  # so that Redis stays down
        stack.kill("redis")
        eventually(lambda: not ready(stack))
        at_once = Settings.redis_timeout_seconds  # nothing is waited for, not even for one time-out
        refused = [
            post(stack, timeout=at_once),
            *(httpx2.get(stack.url + path, timeout=at_once) for path in ("/stats?area_code=1", "/readyz", "/areas")),
        ]
        assert [answer.status_code for answer in refused] == [503] * 4
        assert refused[0].json()["code"] == "redis_unavailable"
        assert refused[0].headers["retry-after"]
        assert httpx2.get(stack.url + "/healthz").status_code == 200
        stack.process.send_signal(signal.SIGCONT)
        eventually(lambda: ready(stack))
        assert post(stack, "v").status_code == 200


@ON_REDIS
def test_hanging_redis_is_waited_for_by_one_request_only(redis_name: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"redis_timeout_seconds": "0.5", "write_deadline_seconds": "3"}
    sent = threading.Event()

    def trace(step: str, _: Any) -> None:
        if step == "http11.send_request_body.complete":
            sent.set()

    with (
        Stack(tmp_path / "data", redis_server=str(BINARIES[redis_name]), **settings) as stack,
        ThreadPoolExecutor() as threads,
    ):
        eventually(lambda: post(stack).status_code == 200)
        stack.kill("redis", signal.SIGSTOP)
        try:
            first = threads.submit(post, stack, "v", extensions={"trace": trace})
            assert sent.wait(10)
            assert post(stack, "w").json()["code"] == "redis_unavailable"
            assert not first.done(), "the first one goes on trying"
            assert (first.result().status_code, first.result().json()["code"]) == (503, "outcome_unknown")
        finally:
            stack.kill("redis", signal.SIGCONT)
        eventually(lambda: post(stack, "v").status_code == 200)
        assert live_counts(stack) == {"1|duel": 2}


@ON_VALKEY
def test_weaker_settings_are_shown_as_degraded_durability(own_stack: Stack) -> None:
    with own_stack as stack, redis.Redis.from_url(stack.run["redis_url"]) as client:
        assert httpx2.get(stack.url + "/readyz").json() == {"status": "ready", "durability": "full"}
        client.config_set("appendfsync", "everysec")
        degraded = {"status": "ready", "durability": "degraded", "degraded": ["appendfsync everysec"]}
        eventually(lambda: httpx2.get(stack.url + "/readyz").json() == degraded)


@ON_REDIS
def test_missing_replicas_leave_the_outcome_unknown(redis_name: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"wait_replicas": "1", "redis_timeout_seconds": "0.3", "write_deadline_seconds": "1"}
    with Stack(tmp_path / "data", redis_server=str(BINARIES[redis_name]), **settings) as stack:
        assert post(stack).json()["code"] == "outcome_unknown"
        url = stack.run["redis_url"]
        with redis.Redis.from_url(url) as client:
            client.config_set("repl-diskless-sync-delay", 0)
        primary = urlsplit(url)
        credentials = ["--masteruser", str(primary.username), "--masterauth", str(primary.password)]
        replica_port = unused_port()
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


@ON_VALKEY
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
