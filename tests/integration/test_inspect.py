"""`modepulse inspect` and `scripts/inspect` show what Redis holds."""

import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis

from tests.http_client import event as event_of
from tests.servers import Stack, modepulse

SCRIPT = Path(__file__).parents[2] / "scripts" / "inspect"
AWAY = "redis://ann:redis-secret@127.0.0.1:1/0"


def event(area: int, user: str, name: str = "LOGIN", mode: str = "duel") -> dict[str, Any]:
    return event_of(area, user, name, mode, user_id=user)


def inspect(stack: Stack, *arguments: str) -> Any:
    done = modepulse("inspect", *arguments, "--json", "--data-dir", str(stack.directory))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_inspect_shows_area_user_log_and_keys(stack: Stack, http: httpx2.Client) -> None:
    items = [
        event(717, "insp-1", mode="duel"),
        event(717, "insp-2", mode="duel"),
        event(717, "insp-2", mode="co op ü"),
        event(717, "insp-3", "LOGOUT", mode="duel"),
    ]
    http.post("/events", json=items).raise_for_status()
    assert inspect(stack, "area", "717") == [
        {"multiplayer_mode": "duel", "count": 2},
        {"multiplayer_mode": "co op ü", "count": 1},
    ]
    found = inspect(stack, "user", "insp-2")
    assert {(one["area_code"], one["multiplayer_mode"], one["active"]) for one in found} == {
        ("717", "duel", True),
        ("717", "co op ü", True),
    }
    assert [one["active"] for one in inspect(stack, "user", "insp-3")] == [False]
    logged = inspect(stack, "log", "--last", "4")
    assert [(one["user_id"], one["outcome"], one["delta"]) for one in logged] == [
        ("insp-1", "applied", 1),
        ("insp-2", "applied", 1),
        ("insp-2", "applied", 1),
        ("insp-3", "refreshed", 0),
    ]
    kinds = inspect(stack, "keys")
    assert kinds["user:"] >= 3
    assert kinds["events"] == 1
    for arguments, text in (
        (("area", "717"), "3 players in 2 modes"),
        (("area", "nowhere"), "nobody plays"),
        (("user", "insp-2"), "active"),
        (("user", "insp-none"), "no session"),
        (("log",), "insp-2"),
        (("keys",), "sessions of a user"),
    ):
        assert text in modepulse("inspect", *arguments, "--data-dir", str(stack.directory)).stdout


def test_inspect_reads_all_partitions_and_entries_of_others(own_stack: Stack) -> None:
    own_stack._settings["partitions"] = "3"
    with own_stack as stack, redis.Redis.from_url(stack.run["redis_url"]) as client:
        items = [event(area, "ann") for area in range(20)]
        httpx2.post(stack.url + "/events", json=items).raise_for_status()
        stack.kill("archiver", signal.SIGSTOP)
        client.xadd("{1}:events", {"no": "entry \x1b[2J of ours"})
        assert len(inspect(stack, "user", "ann")) == 20
        assert inspect(stack, "area", "7") == [{"multiplayer_mode": "duel", "count": 1}]
        logged = inspect(stack, "log", "--last", "100")
        assert len([one for one in logged if "user_id" in one]) == 20
        assert "not an entry" in logged[-1]["unreadable"]
        assert inspect(stack, "keys")["user:"] == 3
        if shutil.which("redis-cli"):
            assert run_script(stack, "user", "ann").stdout.count("|duel") == 20
        stack.kill("archiver", signal.SIGCONT)


def run_script(stack: Stack, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """With a PATH that has only what every system has, and redis-cli."""
    return subprocess.run(
        ["sh", str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "DATA_DIR": str(stack.directory)} | environment,
    )


@pytest.mark.skipif(shutil.which("redis-cli") is None, reason="redis-cli is missing")
def test_script_needs_only_redis_cli(stack: Stack, http: httpx2.Client) -> None:
    http.post("/events", json=[event(818, "scr ipt", mode="duel"), event(818, "scr-2", mode="duel")]).raise_for_status()
    shown: Callable[..., str] = lambda *arguments: run_script(stack, *arguments).stdout  # noqa: E731
    assert shown("area", "818") == "2  duel\n"
    assert shown("user", "scr ipt").endswith("  818|duel\n")
    assert "LOGIN+1|818|duel|scr-2|" in shown("log", "1")
    assert "user:" in shown("keys")
    assert "open:yes" in shown("status")
    secret = (stack.directory / "secrets" / "redis_owner").read_text().strip()
    for arguments in (("status",), ("log", "5"), ("keys",)):
        assert secret not in run_script(stack, *arguments).stdout
    port = stack.run["redis_url"].rpartition(":")[2].partition("/")[0]
    encoded = "".join(f"%{byte:02X}" for byte in secret.encode())
    for url in (f"redis://owner:{encoded}@127.0.0.1:{port}/0", f"redis://owner:{secret}@127.0.0.1:{port}"):
        assert run_script(stack, "area", "818", MODEPULSE_REDIS_URL=url).stdout == "2  duel\n"
    url = f"redis://owner@127.0.0.1:{port}"
    by_password = run_script(stack, "area", "818", MODEPULSE_REDIS_URL=url, MODEPULSE_REDIS_PASSWORD=secret)
    assert by_password.stdout == "2  duel\n"
    wrong = run_script(stack, "status", MODEPULSE_REDIS_URL=f"redis://owner:bad@127.0.0.1:{port}")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "WRONGPASS" in wrong.stderr
    away = run_script(stack, "status", MODEPULSE_REDIS_URL=AWAY)
    assert (away.returncode, len(away.stderr.splitlines())) == (1, 1)
    for misused, code in (((), 0), (("area",), 2), (("log", "x"), 2), (("nonsense",), 2)):
        done = run_script(stack, *misused)
        assert (done.returncode, bool(done.stdout), bool(done.stderr)) == (code, code == 0, code != 0)
