"""The recipes of docs/stores.md for TLS, run as they stand there, with certificates that the recipe makes."""

import asyncio
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import asyncpg
import httpx2
import pytest
import redis

from app.contract.connection import connect
from app.settings import Settings
from modepulse.launcher.child_process import child_setup
from modepulse.launcher.redis_server import redis_command
from tests.conftest import BINARIES
from tests.http_client import event, post, stats
from tests.ports import unused_port
from tests.servers import eventually

ROOT = Path(__file__).parents[2]
# The embedded servers are built without TLS.
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
needs = pytest.mark.skipif(
    not POSTGRES or "redis" not in BINARIES or shutil.which("openssl") is None,
    reason="needs Debian's redis-server, postgresql and openssl",
)


def recipe(name: str) -> str:
    """The block of that name in the document, as one line."""
    text = (ROOT / "docs" / "stores.md").read_text()
    (block,) = re.findall(rf"```sh {name}\n(.*?)\n```", text, re.DOTALL)
    return re.sub(r" \\\n *", " ", block)


def address(name: str, port: int, tls: Path) -> str:
    """The address of a recipe, for a server on this machine."""
    (value,) = shlex.split(recipe(name).partition("=")[2])
    return re.sub(r"//(\w+@)?\w+:\d+/", rf"//\g<1>127.0.0.1:{port}/", value).replace("tls/", f"{tls}/")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    for path, names in ((folder / "tls", ["redis", "postgres", "modepulse"]), (folder / "other", ["redis"])):
        subprocess.run(["sh", ROOT / "deploy" / "tls" / "make-certificates.sh", path, *names], check=True)
    return folder / "tls"


@contextmanager
def running(command: list[str], log: Path, settings: dict[str, str], stop: signal.Signals) -> Iterator[None]:
    root = "postgres" in command[0] and os.geteuid() == 0
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            env=os.environ | settings,
            preexec_fn=child_setup(signal.SIGKILL, in_namespace=root),
        )
    try:
        yield
    finally:
        process.send_signal(stop)
        process.wait(30)


@contextmanager
def redis_with_tls(folder: Path, tls: Path) -> Iterator[str]:
    """Yields the address of the client's recipe."""
    port = unused_port()
    options = shlex.split(recipe("redis-tls").replace("tls/", f"{tls}/").replace("6379", str(port)))[2:]
    command = redis_command(BINARIES["redis"], 0, folder)
    with running([*command, *options], folder / "redis.log", {}, signal.SIGTERM):
        yield address("redis-client", port, tls)


@contextmanager
def postgres_with_tls(folder: Path, tls: Path) -> Iterator[str]:
    port, data = unused_port(), folder / "data"
    (folder / "password").write_text("secret")
    setup = [str(POSTGRES[-1] / "initdb"), "-D", str(data), "-U", "modepulse_api", "-A", "scram-sha-256"]
    setup += [f"--pwfile={folder / 'password'}", "--locale=C", "--encoding=UTF8"]
    root = os.geteuid() == 0
    subprocess.run(setup, check=True, stdout=subprocess.DEVNULL, preexec_fn=child_setup(signal.SIGKILL, root))
    hosts = (data / "pg_hba.conf").read_text()
    (data / "pg_hba.conf").write_text(re.sub(r"^host ", "hostssl ", hosts, flags=re.MULTILINE))
    _, *options = shlex.split(recipe("postgres-tls").replace("tls/", f"{tls}/").replace("-D data", f"-D {data}"))
    options += ["-p", str(port), "-k", "", "-c", "listen_addresses=127.0.0.1"]
    with running([str(POSTGRES[-1] / "postgres"), *options], folder / "postgres.log", {}, signal.SIGINT):
        yield address("postgres-client", port, tls)


@needs
def test_service_works_over_tls(tls: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        redis_url = stack.enter_context(redis_with_tls(tmp_path, tls))
        dsn = stack.enter_context(postgres_with_tls(tmp_path, tls))
        settings = {"MODEPULSE_REDIS_URL": redis_url, "MODEPULSE_POSTGRES_PASSWORD": "secret"}
        settings["MODEPULSE_POSTGRES_DSN"] = dsn
        eventually(lambda: asyncio.run(make_database(dsn)), 60)
        port = unused_port()
        for name, *more in (("archive",), ("serve", "--port", str(port))):
            command = [sys.executable, "-m", "modepulse", name, *more]
            stack.enter_context(running(command, tmp_path / f"{name}.log", settings, signal.SIGTERM))
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as http:
            eventually(lambda: ready(http), 30)
            # More than one TLS record each way.
            post(http, *(event(1, f"user{number}", mode=f"mode{number % 900}") for number in range(3000)))
            assert len(stats(http, 1, limit=1000)["1"]) == 900
            eventually(lambda: http.get("/events", params={"user_id": "user7@1"}).json()["items"])


async def make_database(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn.replace("/modepulse?", "/postgres?"), password="secret")
    except (OSError, asyncpg.CannotConnectNowError):
        return False
    await connection.execute("CREATE DATABASE modepulse")
    assert await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    await connection.close()
    return True


def ready(http: httpx2.Client) -> bool:
    try:
        return http.get("/readyz").status_code == 200
    except httpx2.TransportError:
        return False


@needs
async def test_redis_is_reached_by_the_right_name_ca_and_certificate_only(tls: Path, tmp_path: Path) -> None:
    with redis_with_tls(tmp_path, tls) as url:
        eventually(lambda: answers(url))
        client = connect(Settings(redis_url=url))
        assert await client.ping()
        await client.aclose()
        wrong = {
            "another CA": url.replace(f"ssl_ca_certs={tls}", f"ssl_ca_certs={tls.parent / 'other'}"),
            "another name": url.replace("127.0.0.1", "127.0.0.2"),
            "no certificate": re.sub(r"&ssl_certfile.*", "", url),
            "no TLS": re.sub(r"\?.*", "", url.replace("rediss", "redis")),
        }
        reached = []
        for name, other in wrong.items():
            client = connect(Settings(redis_url=other))
            try:
                await client.ping()
                reached.append(name)
            except redis.ConnectionError:
                pass
            await client.aclose()
        assert not reached


def answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


@needs
async def test_postgres_is_reached_by_the_right_name_and_ca_only(tls: Path, tmp_path: Path) -> None:
    with postgres_with_tls(tmp_path, tls) as dsn:
        for _ in range(600):
            try:
                connection = await asyncpg.connect(dsn.replace("/modepulse?", "/postgres?"), password="secret")
                break
            except (OSError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(0.1)
        await connection.close()
        for other in (
            dsn.replace(f"sslrootcert={tls}", f"sslrootcert={tls.parent / 'other'}"),
            dsn.replace("127.0.0.1", "127.0.0.2"),
            dsn.replace("sslmode=verify-full", "sslmode=disable"),
        ):
            with pytest.raises((OSError, asyncpg.InvalidAuthorizationSpecificationError)):
                await asyncpg.connect(other.replace("/modepulse?", "/postgres?"), password="secret")
