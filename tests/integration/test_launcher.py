"""`modepulse dev`: it names what it refuses, and leaves no process behind."""

import os
import signal
import socket
import stat
from pathlib import Path

import httpx2
import pytest

from tests.conftest import SAME_ON_EVERY_SERVER
from tests.servers import Stack, eventually, modepulse


def refused(*arguments: str, **environment: str) -> tuple[int, str]:
    """Exit code and message of a start that must fail, with one line on stderr."""
    done = modepulse("dev", *arguments, env=os.environ | environment)
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.returncode, done.stderr


def processes_naming(subject: Path | str) -> list[str]:
    """Command lines of live processes that name a folder or an address, or work in that folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if str(subject) in command or str(subject) in os.readlink(process / "cwd"):
                found.append(command)
        except OSError:
            continue
    return found


@SAME_ON_EVERY_SERVER
def test_data_directory_in_use_is_refused(stack: Stack) -> None:
    code, message = refused("--port", "0", "--data-dir", str(stack.directory))
    assert code == 1
    assert "in use" in message


def test_taken_port_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, message = refused("--port", str(port), "--data-dir", str(tmp_path / "data"))
    assert code == 1
    assert f"port {port}" in message
    assert not processes_naming(tmp_path)


def test_missing_or_old_redis_server_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=6.2.14 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64'\n")
    old.chmod(0o755)
    for binary, reason in (
        (str(old), "6.2"),
        ("/nowhere/redis-server", "no program"),
        ("/bin/true", "no redis"),
    ):
        code, message = refused("--port", "0", "--data-dir", str(tmp_path / "data"), MODEPULSE_REDIS_SERVER=binary)
        assert code == 2
        assert reason in message


def test_data_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for directory in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/modepulse")):
        code, message = refused("--port", "0", "--data-dir", str(directory))
        assert code == 1
        assert str(directory) in message


@pytest.mark.parametrize(
    ("name", "value"),
    [("PARTITIONS", "many"), ("PARTITIONS", "0"), ("SESSION_LEASE_SECONDS", "nan"), ("LOG_LEVEL", "secret")],
)
def test_bad_setting_is_named_but_not_shown(tmp_path: Path, name: str, value: str) -> None:
    code, message = refused("--data-dir", str(tmp_path / "data"), **{f"MODEPULSE_{name}": value})
    assert code == 2
    assert f"MODEPULSE_{name}" in message
    assert value not in message.split(name)[1].split()


@SAME_ON_EVERY_SERVER
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stops_cleanly_on_a_signal(own_stack: Stack, number: signal.Signals) -> None:
    own_stack.start()
    assert own_stack.process is not None
    pids = own_stack.run["pids"].values()
    own_stack.process.send_signal(number)
    assert own_stack.process.wait(30) == 0
    own_stack.process.stdout.close()  # type: ignore[union-attr]
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


@SAME_ON_EVERY_SERVER
def test_no_server_outlives_a_killed_parent_and_the_next_start_works(own_stack: Stack) -> None:
    own_stack.start()
    assert own_stack.process is not None
    own_stack.process.kill()
    own_stack.process.wait()
    own_stack.process.stdout.close()  # type: ignore[union-attr]
    own_stack.start()  # waits for the servers of the killed one to end
    assert own_stack.stop() == 0
    eventually(lambda: not processes_naming(own_stack.directory), 5)


def test_demo_plays_until_all_stops(tmp_path: Path) -> None:
    with Stack(tmp_path / "data", arguments=["--demo"]) as stack:

        def players() -> int:
            found: int = httpx2.get(f"{stack.url}/areas").json()["players"]
            return found

        some = eventually(lambda: players() if players() > 20 else 0, 60)
        eventually(lambda: players() != some)
        assert playing(stack.url)
    assert not playing(stack.url)


def playing(url: str) -> list[str]:
    return [command for command in processes_naming(url) if "simulate" in command]


def test_foreign_directories_keep_their_permissions(tmp_path: Path) -> None:
    parent = tmp_path / "private"
    parent.mkdir(mode=0o700)
    with Stack(parent / "data") as stack:
        assert stat.S_IMODE(parent.stat().st_mode) == 0o700
        assert stat.S_IMODE((stack.directory / "run.json").stat().st_mode) == 0o600
        assert stat.S_IMODE((stack.directory / "admin_token").stat().st_mode) == 0o600
        assert set(stack.run) == {"url", "redis_url", "postgres_dsn", "metrics", "pids"}
        assert set(stack.run["metrics"]) == {"api", "archiver"}
        assert set(stack.run["pids"]) == {"redis", "postgres", "api", "archiver"}
