"""A service that others can reach does not start without a key, unless it is told to."""

import os
import socket
from pathlib import Path

import httpx2
import pytest
import redis

from tests.conftest import SAME_ON_EVERY_SERVER
from tests.servers import Stack, eventually, modepulse, serving

WAYS = ("modepulse keys create", "MODEPULSE_ADMIN_TOKEN", "MODEPULSE_ALLOW_ANONYMOUS")


@pytest.fixture
def redis_url(redis_port: int) -> str:
    """A database without anything in it, as a new Redis."""
    url = f"redis://127.0.0.1:{redis_port}/9"
    eventually(lambda: _emptied(url))
    return url


def _emptied(url: str) -> bool:
    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.flushdb())
    except redis.ConnectionError:
        return False


def refusal(*arguments: str, **environment: str) -> str:
    done = modepulse(*arguments, env=os.environ | environment)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert all(way in line for way in WAYS)
    return line


@SAME_ON_EVERY_SERVER
@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_service_is_refused_wherever_others_can_reach_it(redis_url: str, host: str) -> None:
    assert host in refusal("serve", "--host", host, "--port", "0", MODEPULSE_REDIS_URL=redis_url)


@SAME_ON_EVERY_SERVER
def test_service_starts_on_loopback_under_any_name(redis_url: str) -> None:
    with serving("--host", "localhost", redis_url=redis_url) as url:
        assert httpx2.get(f"{url}/healthz").status_code == 200


@SAME_ON_EVERY_SERVER
def test_inherited_socket_is_looked_at_itself(redis_url: str) -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:
        listener.set_inheritable(True)
        done = modepulse(
            "serve", "--fd", str(listener.fileno()), env=os.environ | {"MODEPULSE_REDIS_URL": redis_url},
            pass_fds=[listener.fileno()],
        )  # fmt: skip
    assert done.returncode == 2
    assert all(way in done.stderr for way in WAYS)


@SAME_ON_EVERY_SERVER
def test_revoked_key_is_none_and_a_valid_one_is_enough(redis_url: str) -> None:
    environment = os.environ | {"MODEPULSE_REDIS_URL": redis_url}
    key = modepulse("keys", "create", "x", "--scope", "read", env=environment).stdout.strip()
    with serving("--host", "0.0.0.0", redis_url=redis_url) as url:
        assert httpx2.get(f"{url}/areas", headers={"X-API-Key": key}).status_code == 200
        assert httpx2.get(f"{url}/areas").status_code == 401
    modepulse("keys", "revoke", key.split("_")[2], env=environment).check_returncode()
    refusal("serve", "--host", "0.0.0.0", "--port", "0", MODEPULSE_REDIS_URL=redis_url)


@SAME_ON_EVERY_SERVER
def test_token_or_a_word_is_enough(redis_url: str) -> None:
    token = "the admin token of this test"
    with serving("--host", "0.0.0.0", redis_url=redis_url, admin_token=token) as url:
        assert httpx2.get(f"{url}/areas").status_code == 401
        assert httpx2.get(f"{url}/areas", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    with redis.Redis.from_url(redis_url) as client:
        client.set("{0}:epoch", "epoch")
    with serving("--host", "0.0.0.0", redis_url=redis_url, allow_anonymous="true") as url:
        eventually(lambda: httpx2.get(f"{url}/areas").status_code == 200)


def test_without_redis_it_starts_closed() -> None:
    with serving("--host", "0.0.0.0", redis_url="redis://127.0.0.1:1/0") as url:
        assert httpx2.get(f"{url}/areas").json()["code"] == "key_required"
        assert httpx2.get(f"{url}/areas", headers={"X-API-Key": "x"}).json()["code"] == "keys_unknown"
        assert httpx2.get(f"{url}/").status_code == 200


def test_launcher_refuses_before_it_makes_anything(tmp_path: Path) -> None:
    refusal("dev", "--host", "0.0.0.0", "--port", "0", "--data-dir", str(tmp_path / "data"))
    assert not any((tmp_path / "data" / "postgres").iterdir())


@SAME_ON_EVERY_SERVER
def test_launcher_asks_its_data_directory(own_stack: Stack, redis_name: str) -> None:
    with own_stack as stack:
        pass
    outside = ["--host", "0.0.0.0", "--port", str(stack.port), "--data-dir", str(stack.directory)]
    refusal("dev", *outside, MODEPULSE_REDIS_SERVER=stack._settings["redis_server"])
    with stack:
        made = modepulse("keys", "create", "x", "--scope", "read", "--data-dir", str(stack.directory))
    exposed = Stack(stack.directory, arguments=["--host", "0.0.0.0"], redis_server=stack._settings["redis_server"])
    with exposed:
        assert httpx2.get(f"{exposed.url}/areas").status_code == 401
        assert httpx2.get(f"{exposed.url}/areas", headers={"X-API-Key": made.stdout.strip()}).status_code == 200


@SAME_ON_EVERY_SERVER
@pytest.mark.parametrize("settings", [{"admin_token": "the admin token of this test"}, {"allow_anonymous": "true"}])
def test_launcher_starts_when_it_is_told_to(redis_name: str, tmp_path: Path, settings: dict[str, str]) -> None:
    with Stack(tmp_path / "data", 0, ["--host", "0.0.0.0"], False, **settings) as stack:
        assert httpx2.get(f"{stack.url}/areas").status_code == (401 if "admin_token" in settings else 200)
