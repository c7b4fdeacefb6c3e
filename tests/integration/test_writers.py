"""A data directory keeps to the servers that wrote it, and one that cannot be read is refused in one line."""

import http.client
import json
import os
import re
import threading
from pathlib import Path

import httpx2
import pytest

from modepulse.launcher.postgres_binaries import PostgresBinaries
from tests.conftest import BINARIES, SAME_ON_EVERY_SERVER
from tests.http_client import log_ins, post
from tests.servers import Stack, eventually, modepulse

BOTH_SERVERS = pytest.mark.skipif(set(BINARIES) != {"valkey", "redis"}, reason="needs redis-server beside Valkey")
AREA = "7"


def run_on(directory: Path, redis_name: str = "", players: int = 0) -> str:
    """A run of the stack, in which players log in; "": no server is named. Returns what it said on stderr."""
    log = directory.parent / f"{directory.name}.log"
    log.unlink(missing_ok=True)
    binary = str(BINARIES[redis_name]) if redis_name else ""
    with Stack(directory, redis_server=binary) as stack, httpx2.Client(base_url=stack.url) as client:
        before = client.get("/stats", params={"area_code": AREA}).json()[AREA]
        post(client, *log_ins(AREA, "duel", players))
        assert players or [mode["count"] for mode in before] == [5]
    return log.read_text()


def refusal(directory: Path, redis_name: str = "") -> str:
    """The one line of a start that must be refused, which leaves everything as it was."""
    files = {path: path.stat().st_mtime_ns for path in directory.rglob("*") if path.name != "lock"}
    binary = str(BINARIES[redis_name]) if redis_name else ""
    environment = os.environ | {"MODEPULSE_REDIS_SERVER": binary}
    done = modepulse("dev", "--port", "0", "--data-dir", str(directory), env=environment)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    now = {path: path.stat().st_mtime_ns for path in directory.rglob("*") if path.name != "lock"}
    assert now == files
    return line


def note_of(directory: Path) -> dict[str, dict[str, str]]:
    noted: dict[str, dict[str, str]] = json.loads((directory / "written_by.json").read_text())
    return noted


@BOTH_SERVERS
@pytest.mark.parametrize("noted", [True, False], ids=["noted", "of a former version"])
def test_directory_of_valkey_keeps_it_and_refuses_redis(tmp_path: Path, noted: bool) -> None:
    directory = tmp_path / "data"
    run_on(directory, "valkey", 5)
    assert note_of(directory)["redis"]["name"] == "Valkey"
    if not noted:
        (directory / "written_by.json").unlink()
    line = refusal(directory, "redis")
    assert re.search(r"Redis 7\S* cannot read the data in .*/redis, which Valkey \d\S* wrote", line)
    assert f"MODEPULSE_REDIS_SERVER to {BINARIES['valkey']}" in line
    # What redis-server is on the PATH by now does not matter where none is named.
    assert "goes on with the data here, which it wrote; not Redis 7" in run_on(directory)
    assert note_of(directory)["redis"]["binary"] == str(BINARIES["valkey"])


@BOTH_SERVERS
def test_valkey_goes_on_with_what_redis_wrote_and_back_until_the_file_is_rewritten(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    run_on(directory, "redis", 5)
    assert re.search(r"Valkey \S+ goes on with the data here, which Redis 7\S* wrote", run_on(directory, "valkey"))
    assert note_of(directory)["redis"]["name"] == "Valkey"
    assert "Redis 7" in run_on(directory, "redis")
    with Stack(directory, redis_server=str(BINARIES["valkey"])) as stack:
        done = modepulse("redis-cli", "--data-dir", str(stack.directory), "BGREWRITEAOF")
        assert "rewriting" in done.stdout
        eventually(lambda: b"VALKEY" in b"".join(path.read_bytes() for path in directory.rglob("*.base.rdb")))
        eventually(lambda: ".2.base.rdb" in next(directory.rglob("*.manifest")).read_text())
    assert "which Valkey" in refusal(directory, "redis")


@SAME_ON_EVERY_SERVER
def test_server_of_a_damaged_file_is_not_started_for_ever(redis_name: str, tmp_path: Path) -> None:
    directory = tmp_path / "data"
    run_on(directory, redis_name, 5)
    (log,) = directory.rglob("*.incr.aof")
    log.write_bytes(b"*1\r\nnonsense\r\n" + log.read_bytes())
    environment = os.environ | {"MODEPULSE_REDIS_SERVER": str(BINARIES[redis_name])}
    done = modepulse("dev", "--port", "0", "--data-dir", str(directory), env=environment)
    assert done.returncode == 1
    *ended, last = done.stderr.strip().splitlines()
    assert sum("redis ended" in line for line in ended) == 4
    assert re.search("redis failed to start 5 times .*Bad file format", last)


def test_cluster_of_another_major_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    run_on(directory, "valkey", 5)
    assert note_of(directory)["postgres"]["version"] == PostgresBinaries.embedded().version
    version = directory / "postgres" / "data" / "PG_VERSION"
    before = version.read_text()
    version.write_text("17\n")
    line = refusal(directory)
    assert re.search(r"Postgres \d\S* cannot read the data in .*, which Postgres 17 wrote", line)
    assert "MODEPULSE_POSTGRES_DSN" in line
    version.write_text(before)
    run_on(directory, "valkey")


def test_cluster_without_its_version_is_not_made_anew(tmp_path: Path) -> None:
    cluster = tmp_path / "data" / "postgres" / "data"
    cluster.mkdir(parents=True)
    (cluster / "base").write_text("")
    done = modepulse("dev", "--port", "0", "--data-dir", str(tmp_path / "data"))
    assert done.returncode == 1
    assert "no PG_VERSION" in done.stderr
    assert (cluster / "base").exists()


@SAME_ON_EVERY_SERVER
def test_run_file_stands_before_the_service_is_ready(own_stack: Stack) -> None:
    """Also where a killed stack has left one: it is gone before anything is started."""
    own_stack.directory.mkdir()
    run = own_stack.directory / "run.json"
    run.write_text("of the one before")
    seen: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", own_stack.port, timeout=5)  # quicker than the launcher
            try:
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    seen.append(run.read_text() if run.exists() else "")
                    return
            except (OSError, http.client.HTTPException):
                continue
            finally:
                connection.close()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        own_stack.start()
        watcher.join(10)
    finally:
        done.set()
    assert all(json.loads(seen[0])["pids"].values())
