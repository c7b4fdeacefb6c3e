"""Forgetting a person: DELETE /users/{user_id} and `modepulse erase`."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis

from tests.faults.load import wait_until_archived
from tests.http_client import event, problem
from tests.minutes_model import EVENTS, MINUTES, minutes_of
from tests.postgres import query
from tests.servers import Stack, eventually, live_counts, modepulse


def delete(stack: Stack, user: str) -> Any:
    answer = httpx2.delete(f"{stack.url}/users/{user}", headers=stack.admin, timeout=30)
    return answer.raise_for_status().json()


def mentions(stack: Stack, user: str) -> list[str]:
    """Every column of Postgres and every key of Redis that still names the user."""
    columns = query(
        stack,
        "SELECT table_name AS t, column_name AS c FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type IN ('text', 'bytea')",
    )
    found = [
        f"{column['t']}.{column['c']}"
        for column in columns
        if query(stack, f'SELECT FROM {column["t"]} WHERE "{column["c"]}"::text LIKE $1 LIMIT 1', f"%{user}%")
    ]
    client: Any = redis.Redis.from_url(stack.run["redis_url"])
    for key in client.scan_iter():
        kind = client.type(key)
        value = {
            b"zset": lambda key: client.zrange(key, 0, -1),
            b"set": client.smembers,
            b"hash": client.hgetall,
            b"list": lambda key: client.lrange(key, 0, -1),
            b"stream": client.xrange,
            b"string": client.get,
        }[kind](key)
        if user in f"{key!r} {value!r}":
            found.append(key.decode())
    client.close()
    return found


def test_erased_user_is_nowhere_and_everything_still_adds_up(tmp_path: Path) -> None:
    with Stack(tmp_path / "data", session_lease_seconds="5") as stack:
        http = httpx2.Client(base_url=stack.url, timeout=10)
        for mode in ("duel", "ctf"):
            for name in ("LOGIN", "LOGOUT", "LOGIN"):
                http.post("/events", json=[event(1, "ann", name, mode), event(1, "bob", name, mode)])
        http.post("/events", json=event(2, "ann") | {"user_id": "ann@1 not"}).raise_for_status()
        refused = query(
            stack,
            "INSERT INTO archive_rejects VALUES (0, 1, 1, 1, 'LOGIN+1|1|duel|ann@1|', 'x'), (0, 1, 1, 2, 'ann@1', 'y')"
            " RETURNING 1",
        )
        assert len(refused) == 2
        assert live_counts(stack) == {"1|duel": 2, "1|ctf": 2, "2|duel": 1}
        assert delete(stack, "ann@1") == {"status": True, "sessions_ended": 2, "events_erased": 8}
        assert live_counts(stack) == {"1|duel": 1, "1|ctf": 1, "2|duel": 1}
        assert http.get("/users/ann@1/sessions").json()["sessions"] == []
        assert http.get("/events?user_id=ann@1").json()["items"] == []
        assert len(http.get("/events?user_id=ann@1 not").json()["items"]) == 1
        erased = {row["user_id"] for row in query(stack, "SELECT user_id FROM area_mode_events")} - {
            "bob@1",
            "ann@1 not",
        }
        assert len(erased) == 1, "all of it is one person's still"
        (name,) = erased
        assert len(http.get(f"/users/{name}/history").json()["sessions"]) == 4
        assert [tuple(row) for row in query(stack, MINUTES)] == minutes_of(query(stack, EVENTS))
        assert [row["events"] for row in query(stack, "SELECT * FROM erasures")] == [8]

        assert delete(stack, "ann@1") == {"status": True, "sessions_ended": 0, "events_erased": 0}
        assert len(query(stack, "SELECT * FROM erasures")) == 1
        verified = modepulse("verify", "--data-dir", str(stack.directory))
        assert verified.returncode == 0, verified.stdout

        query(stack, "DELETE FROM archive_rejects WHERE reason = 'y'")
        http.post("/events", json=event(1, "bob")).raise_for_status()
        http.post("/events", json=event(1, "bob")).raise_for_status()
        for user in ("ann@1|", "ann@1'", 'ann@1"'):
            eventually(lambda user: mentions(stack, user) == [], 40, user=user)
        logs = (tmp_path / "data.log").read_text()
        assert "ann@1" not in logs
        http.close()


def test_what_was_not_yet_archived_is_erased_too_and_the_new_life_is_not(own_stack: Stack) -> None:
    with own_stack as stack, ThreadPoolExecutor() as threads:
        http = httpx2.Client(base_url=stack.url, timeout=10)
        http.post("/events", json=event(1, "ann")).raise_for_status()
        wait_until_archived(stack)
        os.kill(stack.run["pids"]["archiver"], signal.SIGSTOP)
        http.post("/events", json=[event(1, "ann", "LOGOUT"), event(1, "ann", "LOGIN", "ctf")]).raise_for_status()
        erasing = threads.submit(delete, stack, "ann@1")
        eventually(lambda: live_counts(stack) == {})
        client: Any = redis.Redis.from_url(stack.run["redis_url"])
        eventually(lambda: client.get("{0}:purge_before"))
        client.close()
        http.post("/events", json=event(1, "ann", "LOGIN", "new")).raise_for_status()
        os.kill(stack.run["pids"]["archiver"], signal.SIGCONT)
        assert erasing.result() == {"status": True, "sessions_ended": 1, "events_erased": 4}
        (item,) = eventually(lambda: http.get("/events?user_id=ann@1").json()["items"])
        assert item["multiplayer_mode"] == "new"
        assert live_counts(stack) == {"1|new": 1}
        http.close()


def test_only_the_admin_may(stack: Stack, http: httpx2.Client, area: int) -> None:
    http.post("/events", json=event(area, "ann")).raise_for_status()
    path = f"/users/ann@{area}"
    for given, code in (("", "key_required"), ("Bearer wrong", "invalid_key"), (stack.admin_token, "key_required")):
        refused = http.delete(path, headers={"Authorization": given})
        assert problem(refused, 401)["code"] == code
        assert refused.headers["www-authenticate"].startswith("Bearer")
    assert live_counts(stack)[f"{area}|duel"] == 1
    assert problem(http.delete("/users/a%7Cb", headers=stack.admin), 422)["errors"][0]["loc"] == ["path", "user_id"]


def test_the_command_erases(stack: Stack, http: httpx2.Client, area: int) -> None:
    user = f"a/b ü?{area}"
    http.post("/events", json=event(area) | {"user_id": user}).raise_for_status()
    first = modepulse("erase", user, "--data-dir", str(stack.directory))
    assert (first.returncode, first.stdout) == (0, "1 sessions ended, 2 events erased\n"), first.stderr
    admin = os.environ | {"MODEPULSE_ADMIN_TOKEN": stack.admin_token}
    again = modepulse("erase", user, "--url", stack.url, env=admin)
    assert again.stdout == "0 sessions ended, 0 events erased\n"
    assert f"{area}|duel" not in live_counts(stack)
    wrong = modepulse("erase", user, "--url", stack.url, env=os.environ | {"MODEPULSE_ADMIN_TOKEN": "wrong"})
    assert wrong.returncode == 1
    assert "401" in wrong.stderr


@pytest.mark.parametrize("arguments", [[], ["--url", "http://127.0.0.1:9"]])
def test_command_without_a_service_is_one_clear_line(tmp_path: Path, arguments: list[str]) -> None:
    done = modepulse("erase", "u", "--data-dir", str(tmp_path), *arguments)
    assert done.returncode in (1, 2)
    assert len(done.stderr.strip().splitlines()) == 1
