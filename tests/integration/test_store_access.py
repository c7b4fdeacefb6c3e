"""Who may do what in the stores: the embedded ones are their owner's, and each process may do what it does only."""

import asyncio
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
import redis

from app.contract.keys import SECRET, keys_of
from modepulse.launcher.redis_server import USERS, acl_file
from tests.conftest import BINARIES, SAME_ON_EVERY_SERVER
from tests.http_client import event, post, stats
from tests.postgres import AGGREGATE, COUNTERS, counts
from tests.servers import Stack, eventually, modepulse, postgres_server, redis_server

KEYS = keys_of(0)
NOBODY = 65534
# Tries to read every file below a folder; prints those that it could.
READ_ALL = """
import os, sys
for folder, _, files in os.walk(sys.argv[1]):
    for name in files:
        try:
            open(os.path.join(folder, name)).read(1)
            print(name)
        except OSError:
            pass
"""


def secrets_of(directory: Path) -> set[str]:
    """All that was made to be known to the owner only."""
    files = [path for path in (directory / "secrets").iterdir() if path.suffix != ".acl"]
    return {
        path.read_text().strip().rpartition(":")[2]
        for path in [*files, directory / "admin_token", directory / "postgres" / "password"]
    }


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that every user can look into."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_folder_open_to_others_does_not_open_the_stores(redis_name: str, open_folder: Path) -> None:
    directory = open_folder / "data"
    (directory / "redis").mkdir(parents=True)
    for folder in (directory, directory / "redis"):
        folder.chmod(0o755)
    with Stack(directory, redis_server=str(BINARIES[redis_name])) as stack:
        for name in ("redis", "postgres", "logs", "secrets"):
            assert stat.S_IMODE((directory / name).stat().st_mode) == 0o700
        for path in [*(directory / "secrets").iterdir(), directory / "run.json", directory / "admin_token"]:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        if os.geteuid() == 0:
            command = [shutil.which("python3", path="/usr/bin") or sys.executable, "-c", READ_ALL, str(directory)]
            other = subprocess.run(command, user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True)
            assert (other.returncode, other.stdout.split()) == (0, ["ports.json"]), other.stderr
        url, dsn = stack.run["redis_url"], stack.run["postgres_dsn"]
        for wrong in ("", "owner@", ":wrong@", "owner:wrong@", "default:@"):
            other_url = f"redis://{wrong}{url.rpartition('@')[2]}"
            with redis.Redis.from_url(other_url) as client, pytest.raises(redis.RedisError, match=r"(?i)auth|pass"):
                client.ping()
        for user in ("modepulse", "modepulse_api", "modepulse_archiver", "postgres"):
            with pytest.raises(asyncpg.InvalidPasswordError):
                asyncio.run(asyncpg.connect(f"postgresql://{user}:wrong@{dsn.rpartition('@')[2]}"))


def command_lines() -> list[str]:
    """Those that `ps` shows to every user."""
    return subprocess.check_output(["ps", "axww", "-o", "args"], text=True).splitlines()


def test_folder_that_others_may_change_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o777)
    done = modepulse("dev", "--port", "0", "--data-dir", str(tmp_path / "data"))
    assert done.returncode == 1
    assert "chmod o-w" in done.stderr


@SAME_ON_EVERY_SERVER
def test_no_secret_is_in_a_command_line_a_message_or_a_log(own_stack: Stack) -> None:
    with own_stack as stack:
        with httpx2.Client(base_url=stack.url) as http:
            post(http, event(1))
            eventually(lambda: http.get("/events", params={"user_id": "u1@1"}).json()["items"])
            http.delete("/users/u1@1", headers=stack.admin).raise_for_status()
            http.delete("/users/u1@1", headers={"Authorization": "Bearer wrong"})
        stack.kill("postgres")
        stack.kill("redis")
        eventually(lambda: httpx2.get(stack.url + "/readyz").status_code == 200, 30)
        secrets = secrets_of(stack.directory)
        assert len(secrets) == len(USERS) + 2 + 2
        lines = command_lines()
    logs = [*(stack.directory / "logs").iterdir(), stack.directory.parent / f"{stack.directory.name}.log"]
    lines += [log.read_text() for log in logs]
    assert not [(line, secret) for line in lines for secret in secrets if secret in line]


@SAME_ON_EVERY_SERVER
def test_printed_line_attaches_to_both_stores(own_stack: Stack) -> None:
    with own_stack as stack:
        log = (stack.directory.parent / f"{stack.directory.name}.log").read_text()
        (line,) = [line for line in log.splitlines() if "redis-cli -u" in line]
        redis_cli, psql = line.removeprefix("modepulse: ").split("    ")
        for command, program, answer in (
            (f"{redis_cli} ACL WHOAMI", "redis-cli", "owner"),
            (f"{psql} -Atc 'SELECT current_user'", "psql", "modepulse_archiver"),
        ):
            if shutil.which(program):
                assert subprocess.check_output(["sh", "-c", command], text=True).strip() == answer


def test_folder_of_a_former_version_goes_on(redis_name: str, tmp_path: Path) -> None:
    """Its Redis had no password, and in its Postgres the superuser owned everything."""
    directory = tmp_path / "data"
    (directory / "redis").mkdir(parents=True)
    with redis_server(BINARIES[redis_name], directory / "redis") as port, postgres_server(directory) as postgres:
        stores = {"redis_url": f"redis://127.0.0.1:{port}/0", "postgres_dsn": postgres.dsn()}
        with Stack(tmp_path / "former", 0, (), False, **stores) as stack:
            with httpx2.Client(base_url=stack.url) as http:
                post(http, event(7, "ann"), event(7, "ben"))
            eventually(lambda: asyncio.run(_archived(postgres.dsn())) == 2)
    with Stack(directory, redis_server=str(BINARIES[redis_name])) as stack, httpx2.Client(base_url=stack.url) as http:
        assert stats(http, 7) == {"7": [{"multiplayer_mode": "duel", "count": 2}]}
        post(http, event(7, "ben", "LOGOUT"), event(7, "eve"))
        expected = {"7|duel": 2}
        eventually(lambda: counts(stack, AGGREGATE) == counts(stack, COUNTERS) == expected)
        assert http.delete("/users/ann@7", headers=stack.admin).raise_for_status().json()["events_erased"] == 2
        assert modepulse("verify", "--data-dir", str(directory)).returncode == 0


async def _archived(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        number: int = await connection.fetchval("SELECT count(*) FROM area_mode_events")
        return number
    finally:
        await connection.close()


# --- Redis ---------------------------------------------------------------------------------------------------------

MAY: dict[str, list[str]] = {
    "api": ["PING", f"GET {KEYS.epoch}", f"SMEMBERS {KEYS.areas}", "INFO memory", "CONFIG GET appendfsync", "TIME"],
    "archiver": [f"XTRIM {KEYS.events} MINID 1", f"DEL {KEYS.epoch}", "SELECT 1", "FLUSHDB", "SWAPDB 0 1"],
    "operator": [f"GET {KEYS.epoch}", "SCAN 0", "SLOWLOG GET", "CLIENT LIST", "INFO", "LATENCY LATEST", "DBSIZE"],
}
NOBODY_MAY = [
    *("FLUSHALL", "CONFIG SET maxmemory 1", "SHUTDOWN", "ACL LIST", "CLIENT KILL ID 1", "REPLICAOF NO ONE"),
    *("EVAL return 0", "SCRIPT FLUSH", "FUNCTION FLUSH", "MONITOR", "SAVE", "BGREWRITEAOF", "SLOWLOG RESET"),
    *(
        "KEYS *",
        "SUBSCRIBE x",
        "PUBLISH x y",
        "DEBUG SLEEP 0",
        f"RENAME {KEYS.epoch} x",
        f"MIGRATE h 1 {KEYS.epoch} 0 1",
    ),
]
MAY_NOT: dict[str, list[str]] = {
    "api": [
        f"XTRIM {KEYS.events} MINID 1",
        f"DEL {KEYS.epoch}",
        "FLUSHDB",
        "SWAPDB 0 1",
        "GET other",
        "SET other 1",
    ],
    "archiver": ["GET other", "SET other 1"],
    "operator": [
        f"GET {SECRET}",
        f"SET {KEYS.epoch} 1",
        f"DEL {KEYS.epoch}",
        f"XADD {KEYS.events} * a b",
        "FLUSHDB",
        "SWAPDB 0 1",
    ],
}


def test_each_user_of_redis_may_do_what_it_does_only(stack: Stack) -> None:
    def client(user: str) -> Any:
        password = (stack.directory / "secrets" / f"redis_{user}").read_text().strip()
        return redis.Redis(port=redis.Redis.from_url(stack.run["redis_url"]).get_connection_kwargs()["port"],
                           username=user, password=password)  # fmt: skip

    for user, refused in MAY_NOT.items():
        with client(user) as connected:
            for command in [*NOBODY_MAY, *refused]:
                with pytest.raises(redis.ResponseError, match=r"(?i)no permission|has no permissions|not allowed"):
                    connected.execute_command(*command.split())


def test_users_of_redis_may_do_what_they_have_to(redis_name: str, tmp_path: Path) -> None:
    passwords = {name: f"{name}'s p@/#:%" for name in USERS}
    (tmp_path / "users.acl").write_text(acl_file(passwords))
    with redis_server(BINARIES[redis_name], tmp_path, "--aclfile", str(tmp_path / "users.acl")) as port:
        for user, commands in MAY.items():
            with redis.Redis(port=port, username=user, password=passwords[user]) as client:
                eventually(lambda client=client: answers(client))
                for command in commands:
                    client.execute_command(*command.split())


def test_restart_with_users_keeps_what_was_written_in_one_transaction(redis_name: str, tmp_path: Path) -> None:
    """Redis 7.0 loads its file as the user `default`."""
    (tmp_path / "users.acl").write_text(acl_file(dict.fromkeys(USERS, "password")))
    options = ("--aclfile", str(tmp_path / "users.acl"))
    written = {b"{0}:a": b"1", b"{0}:b": b"2"}
    for start in range(2):
        with (
            redis_server(BINARIES[redis_name], tmp_path, *options) as port,
            redis.Redis(port=port, username="api", password="password") as client,
        ):
            eventually(lambda client=client: answers(client))
            if start == 0:
                with client.pipeline(transaction=True) as pipeline:
                    for key, value in written.items():
                        pipeline.set(key, value)
                    pipeline.execute()
            assert {key: client.get(key) for key in written} == written


def answers(client: Any) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
