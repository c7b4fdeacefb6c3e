"""Backup and restore: under load, by one store alone, into the next major of Postgres, and what is refused."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis

from modepulse.launcher.child_process import child_setup
from tests.composed import POSTGRES_BINARIES
from tests.conftest import BINARIES, SAME_ON_EVERY_SERVER
from tests.documents import ROOT
from tests.http_client import event, log_ins, post, stats
from tests.ports import unused_port
from tests.postgres import query
from tests.servers import Stack, eventually, modepulse, postgres_server, redis_server

DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def script(name: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([ROOT / "scripts" / name, *map(str, arguments)], capture_output=True, text=True, timeout=120)


def verified(stack: Stack) -> bool:
    done = modepulse("verify", "--data-dir", str(stack.directory))
    assert done.returncode == 0, done.stdout + done.stderr
    return True


@contextmanager
def posting(url: str) -> Iterator[list[str]]:
    """Posts logins without a pause; yields the users that were answered so far."""
    answered: list[str] = []
    stop = threading.Event()

    def run() -> None:
        with httpx2.Client(base_url=url, timeout=20) as http:
            while not stop.is_set():
                users = [f"u{len(answered) + n}" for n in range(100)]
                post(http, *(event(7, user) for user in users))
                answered.extend(users)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield answered
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def backup(own_stack: Stack, tmp_path: Path) -> tuple[Path, int]:
    """A backup of a service that takes events meanwhile, and how many had been answered before it."""
    with own_stack as stack:
        with posting(stack.url) as answered:
            eventually(lambda: len(answered) >= 2000)
            before = len(answered)
            done = script("backup", tmp_path / "backup", stack.directory)
            assert done.returncode == 0, done.stderr
            eventually(lambda: len(answered) >= before + 500)
        assert verified(stack)
        assert script("backup", tmp_path / "backup", stack.directory).returncode != 0, "a backup is never overwritten"
    return tmp_path / "backup", before


@SAME_ON_EVERY_SERVER
def test_restored_from_both_stores_then_from_postgres_alone(
    backup: tuple[Path, int], redis_name: str, tmp_path: Path
) -> None:
    folder, before = backup
    data = tmp_path / "restored"
    done = script("restore", folder, data)
    assert done.returncode == 0, done.stderr
    assert "not empty" in script("restore", folder, data).stderr
    with Stack(data, redis_server=str(BINARIES[redis_name])) as stack:
        assert verified(stack)
        with httpx2.Client(base_url=stack.url, timeout=20) as http:
            (ranking,) = stats(http, 7).values()
            assert ranking[0]["count"] >= before
            post(http, event(8, "after"))
        users = {row["user_id"] for row in query(stack, "SELECT user_id FROM area_mode_events")}
        assert {f"u{n}@7" for n in range(before)} <= users
        assert verified(stack)
    shutil.rmtree(data / "redis")
    with Stack(data, redis_server=str(BINARIES[redis_name])) as stack:
        assert verified(stack)
        with httpx2.Client(base_url=stack.url, timeout=20) as http:
            assert stats(http, 7) == {"7": ranking}


def test_a_copy_of_redis_is_whole_whatever_is_rewritten(redis_name: str, tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    with redis_server(BINARIES[redis_name], tmp_path / "redis") as port, redis.Redis(port=port) as client:
        eventually(lambda: pings(client))
        # A transaction each, as a script call is.
        for number in range(300):
            with client.pipeline(transaction=True) as pipeline:
                pipeline.rpush("a", number).rpush("b", number).execute()
            if number % 20 == 0:
                eventually(lambda: rewrites(client))
            if number % 50 == 7:
                with (tmp_path / f"{number}.tar").open("wb") as copy:
                    command: list[Any] = ["sh", ROOT / "deploy" / "redis" / "backup.sh", tmp_path / "redis"]
                    subprocess.run(command, stdout=copy, check=True)
    assert not list((tmp_path / "redis").glob("backup-*"))
    for tar in tmp_path.glob("*.tar"):
        folder = tmp_path / tar.stem
        folder.mkdir()
        subprocess.run(["tar", "-x", "-C", folder, "-f", tar], check=True)
        with redis_server(BINARIES[redis_name], folder) as port, redis.Redis(port=port) as client:
            eventually(lambda client=client: pings(client))
            assert client.llen("a") == client.llen("b") == int(tar.stem) + 1


def pings(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def rewrites(client: redis.Redis) -> bool:
    try:
        return bool(client.bgrewriteaof())
    except redis.ResponseError:  # the one before is not done
        return False


@SAME_ON_EVERY_SERVER
def test_what_cannot_be_a_backup_is_refused(tmp_path: Path) -> None:
    for name, arguments, reason in (
        ("backup", [tmp_path / "backup", tmp_path / "nothing"], "nothing runs on"),
        ("restore", [tmp_path, tmp_path / "data"], "redis.tar is missing"),
    ):
        done = script(name, *arguments)
        assert done.returncode == 1
        assert reason in done.stderr
    assert not (tmp_path / "data").exists()
    assert not (tmp_path / "backup").exists()


@contextmanager
def debian_postgres(folder: Path) -> Iterator[str]:
    """The address of the Postgres that Debian has, an older major."""
    folder.mkdir()
    port = unused_port()
    identity: dict[str, Any] = {}
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
        for parent in folder.parents[: -len(Path(tempfile.gettempdir()).parts)]:
            parent.chmod(parent.stat().st_mode | 0o011)
        identity = {"user": "nobody"}
    data = folder / "data"
    command: list[Any] = [
        DEBIAN[-1] / "initdb",
        "-D",
        data,
        "-U",
        "modepulse",
        "-A",
        "trust",
        "--encoding=UTF8",
        "--locale=C",
    ]
    subprocess.run(command, check=True, capture_output=True, cwd="/", **identity)
    command = [DEBIAN[-1] / "postgres", "-D", data, "-p", str(port), "-k", "", "-c", "listen_addresses=127.0.0.1"]
    server = subprocess.Popen(
        command, cwd="/", stderr=subprocess.DEVNULL, preexec_fn=child_setup(signal.SIGINT), **identity
    )
    try:
        made: list[Any] = [DEBIAN[-1] / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "modepulse", "modepulse"]
        eventually(lambda: not subprocess.run(made, capture_output=True).returncode, 30)
        yield f"postgresql://modepulse@127.0.0.1:{port}/modepulse"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)


@SAME_ON_EVERY_SERVER
@pytest.mark.skipif(not DEBIAN, reason="needs Debian's postgresql; .ci/run installs it")
def test_events_are_taken_while_postgres_becomes_the_next_major(redis_name: str, tmp_path: Path) -> None:
    """As docs/operate.md has it: the archiver stops, dump, restore into the new server, both processes start anew."""
    server = str(BINARIES[redis_name])
    (tmp_path / "new").mkdir()
    with debian_postgres(tmp_path / "old") as old, postgres_server(tmp_path / "new") as new:
        with (
            Stack(tmp_path / "data", postgres_dsn=old, redis_server=server) as stack,
            httpx2.Client(base_url=stack.url) as http,
        ):
            post(http, *log_ins("1", "duel", 500))
            eventually(lambda: len(query(stack, "SELECT FROM area_mode_events")) == 500)
            stack.kill("archiver", signal.SIGSTOP)
            dump: list[Any] = [POSTGRES_BINARIES / "pg_dump", "-Fc", "-f", tmp_path / "dump", old]
            subprocess.run(dump, check=True)
            post(http, *log_ins("1", "duel", 300, first=500))
            stack.kill("archiver", signal.SIGCONT)
        restore: list[Any] = [POSTGRES_BINARIES / "pg_restore", "-d", new.dsn(), "--exit-on-error", tmp_path / "dump"]
        subprocess.run(restore, check=True)
        with Stack(tmp_path / "data", postgres_dsn=new.dsn(), redis_server=server) as stack:
            eventually(lambda: len(query(stack, "SELECT FROM area_mode_events")) == 800)
            assert verified(stack)
