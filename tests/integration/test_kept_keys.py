"""Keys outlive what happens to the stores."""

import os
import signal
from typing import Any

import httpx2
import pytest
import redis

from app.contract.api_key import Scope, new_key
from tests.conftest import SAME_ON_EVERY_SERVER
from tests.faults.load import wait_until_archived
from tests.faults.redis_files import aof, replace_redis
from tests.http_client import event, post
from tests.postgres import query
from tests.servers import Stack, eventually, modepulse, ready, serving

KEYS = "{0}:keys"


def make(stack: Stack, *scopes: str) -> str:
    options = [part for scope in scopes for part in ("--scope", scope)]
    done = modepulse("keys", "create", "x", *options, "--data-dir", str(stack.directory))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def revoke(stack: Stack, key: str) -> None:
    done = modepulse("keys", "revoke", key.split("_")[2], "--data-dir", str(stack.directory))
    assert done.returncode == 0, done.stderr


def status(url: str, key: str | None = None) -> int:
    return httpx2.get(f"{url}/areas", headers={"X-API-Key": key} if key else {}).status_code


def code(url: str, key: str | None = None) -> str:
    answer = httpx2.get(f"{url}/areas", headers={"X-API-Key": key} if key else {})
    return str(answer.json().get("code"))


def stored(stack: Stack, key: str, revoked: bool = False) -> bool:
    rows = query(stack, "SELECT revoked_at FROM api_keys WHERE id = $1", key.split("_")[2])
    return bool(rows) and (rows[0]["revoked_at"] is not None) == revoked


def client_of(stack: Stack) -> Any:
    return redis.Redis.from_url(stack.run["redis_url"])


def restart_api(stack: Stack) -> None:
    before = stack.run["pids"]["api"]
    stack.kill("api")
    eventually(lambda: stack.run["pids"]["api"] not in (None, before) and ready(stack), 30)


def test_wiped_redis_lets_nobody_in_and_gets_its_keys_back(own_stack: Stack) -> None:
    with own_stack as stack:
        good, bad = make(stack, "read"), make(stack, "read")
        eventually(lambda: status(stack.url) == 401)
        revoke(stack, bad)
        eventually(lambda: code(stack.url, bad) == "revoked_key")
        eventually(lambda: stored(stack, good) and stored(stack, bad, revoked=True))
        client = client_of(stack)
        os.kill(stack.run["pids"]["archiver"], signal.SIGSTOP)
        client.flushall()
        with serving(redis_url=stack.run["redis_url"], postgres_dsn=stack.run["postgres_dsn"]) as fresh:
            # It has never seen a key, and Redis has none: that is no reason to be open.
            assert (code(fresh), code(fresh, good), code(fresh, bad)) == ("keys_unknown",) * 3
            assert (status(stack.url), status(stack.url, good), status(stack.url, bad)) == (401, 200, 401)
            os.kill(stack.run["pids"]["archiver"], signal.SIGCONT)
            eventually(lambda: status(fresh, good) == 200, 60)
            assert (code(fresh), code(fresh, bad)) == ("key_required", "revoked_key")
        assert client.hlen(KEYS) == 2
        client.close()
        restart_api(stack)
        assert (status(stack.url), status(stack.url, good)) == (401, 200)
        assert code(stack.url, bad) == "revoked_key"


@SAME_ON_EVERY_SERVER
def test_keys_made_and_revoked_while_redis_is_empty_are_not_lost(own_stack: Stack) -> None:
    with own_stack as stack:
        good, bad = make(stack, "read"), make(stack, "read")
        eventually(lambda: stored(stack, good) and stored(stack, bad) and status(stack.url, bad) == 200)
        client = client_of(stack)
        os.kill(stack.run["pids"]["archiver"], signal.SIGSTOP)
        client.flushall()
        made = make(stack, "read")
        httpx2.delete(f"{stack.url}/keys/{bad.split('_')[2]}", headers=stack.admin).raise_for_status()
        os.kill(stack.run["pids"]["archiver"], signal.SIGCONT)
        eventually(lambda: ready(stack), 60)
        eventually(lambda: client.hlen(KEYS) == 3)
        client.close()
        eventually(lambda: stored(stack, made) and stored(stack, bad, revoked=True))
        restart_api(stack)
        assert [status(stack.url, key) for key in (good, made, bad)] == [200, 200, 401]


@SAME_ON_EVERY_SERVER
def test_rebuild_by_hand_keeps_the_keys(own_stack: Stack) -> None:
    with own_stack as stack:
        key = make(stack, "read", "ingest")
        assert modepulse("rebuild", "--data-dir", str(stack.directory)).returncode == 0
        eventually(lambda: ready(stack), 30)
        assert client_of(stack).hlen(KEYS) == 1
        restart_api(stack)
        assert (status(stack.url), status(stack.url, key)) == (401, 200)


@SAME_ON_EVERY_SERVER
def test_keys_of_a_foreign_redis_are_not_ours(own_stack: Stack) -> None:
    with own_stack as stack:
        ours = make(stack, "read")
        eventually(lambda: stored(stack, ours))
        client = client_of(stack)
        os.kill(stack.run["pids"]["archiver"], signal.SIGSTOP)
        client.flushall()
        client.set("{0}:epoch", "of another service")
        theirs, _ = new_key("theirs", [Scope.ADMIN])
        client.hset(KEYS, theirs.id, theirs.to_json())
        os.kill(stack.run["pids"]["archiver"], signal.SIGCONT)
        eventually(lambda: ready(stack) and client.hlen(KEYS) == 1 and client.hexists(KEYS, ours.split("_")[2]), 60)
        client.close()
        assert [row["id"] for row in query(stack, "SELECT id FROM api_keys")] == [ours.split("_")[2]]


def test_older_redis_does_not_make_a_revoked_key_valid(own_stack: Stack) -> None:
    with own_stack as stack:
        key, other = make(stack, "read"), make(stack, "read")
        httpx2.post(f"{stack.url}/events", json=event(1), headers=stack.admin).raise_for_status()
        wait_until_archived(stack)
        size = os.path.getsize(aof(stack))
        revoke(stack, key)
        eventually(lambda: stored(stack, key, revoked=True) and stored(stack, other))
        replace_redis(stack, lambda: os.truncate(aof(stack), size))
        restart_api(stack)
        eventually(lambda: code(stack.url, key) == "revoked_key", 10)
        assert status(stack.url, other) == 200


@SAME_ON_EVERY_SERVER
def test_lost_copy_in_postgres_is_made_again(own_stack: Stack) -> None:
    with own_stack as stack:
        key = make(stack, "read")
        eventually(lambda: stored(stack, key))
        query(stack, "DELETE FROM api_keys")
        eventually(lambda: stored(stack, key))
        query(stack, "UPDATE api_keys SET revoked_at = now() - interval '31 days'")
        eventually(lambda: code(stack.url, key) == "revoked_key")


def test_key_can_be_revoked_when_redis_is_full(own_stack: Stack) -> None:
    with own_stack as stack:
        key = make(stack, "read")
        eventually(lambda: status(stack.url, key) == 200)
        client = client_of(stack)
        client.setbit("ballast", 64 * 1024 * 1024 * 8 - 1, 1)  # clients may have a share of it
        client.config_set("maxmemory", 64 * 1024 * 1024)
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            client.set("x", "y")
        revoke(stack, key)
        eventually(lambda: code(stack.url, key) == "revoked_key", 5)
        client.config_set("maxmemory", 0)
        client.close()


@SAME_ON_EVERY_SERVER
def test_events_are_taken_with_a_key_while_postgres_is_down(own_stack: Stack, area: int) -> None:
    with own_stack as stack:
        key = make(stack, "ingest")
        eventually(lambda: status(stack.url) == 401)
        headers = {"X-API-Key": key}
        with httpx2.Client(base_url=stack.url, headers=headers) as http:
            post(http, event(area, "before"))
        os.kill(stack.run["pids"]["postgres"], signal.SIGSTOP)
        try:
            with serving(redis_url=stack.run["redis_url"], postgres_dsn=stack.run["postgres_dsn"]) as fresh:
                for url in (stack.url, fresh):
                    assert httpx2.post(f"{url}/events", json=event(area)).status_code == 401
                    taken = httpx2.post(f"{url}/events", json=event(area, url[-5:]), headers=headers, timeout=10)
                    assert taken.json() == {"status": True, "accepted": 1, "applied": 1}
        finally:
            os.kill(stack.run["pids"]["postgres"], signal.SIGCONT)
