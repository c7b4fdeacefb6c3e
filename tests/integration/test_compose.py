"""docker-compose.yml, part by part and without Docker: the very commands, files and settings that it names."""

import asyncio
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
import redis

from modepulse.launcher.child_process import child_setup
from modepulse.launcher.postgres_server import Postgres
from tests.composed import HARD, ROOT, SERVICES, Composed, composed
from tests.conftest import SAME_ON_EVERY_SERVER
from tests.http_client import event, post, stats
from tests.ports import unused_port
from tests.servers import eventually, modepulse

pytestmark = pytest.mark.skipif(
    shutil.which("redis-cli") is None, reason="needs redis-cli; .ci/run installs redis-server"
)


def test_services_run_with_their_users_and_hard_passwords(redis_name: str, tmp_path: Path) -> None:
    with composed(redis_name, tmp_path) as services:
        services.make_hard_secrets()
        services.up("redis", "postgres", "postgres-roles", "postgres-roles", "archiver", "api")
        url = f"http://127.0.0.1:{services.api_ports[0]}"
        with httpx2.Client(base_url=url, timeout=10, headers={"X-API-Key": services.secret("admin_token")}) as http:
            post(http, event(1, "ann"), event(1, "ben"))
            assert stats(http, 1) == {"1": [{"multiplayer_mode": "duel", "count": 2}]}
            eventually(lambda: len(http.get("/events").json()["items"]) == 2)
            token = {"Authorization": f"Bearer {services.secret('admin_token')}"}
            erased = http.delete("/users/ann@1", headers=token).raise_for_status().json()
            assert (erased["sessions_ended"], erased["events_erased"]) == (1, 2)
            for command in (("verify",), ("rebuild",), ("verify",)):
                done = modepulse(*command, env=os.environ | services.settings("archiver"))
                assert done.returncode == 0, done.stderr
            eventually(lambda: ready(http))
            assert stats(http, 1) == {"1": [{"multiplayer_mode": "duel", "count": 1}]}
        for name in ("redis", "postgres", "api"):
            assert services.is_healthy(name), name
        with redis.Redis(port=services.redis_port) as anonymous, pytest.raises(redis.AuthenticationError):
            anonymous.ping()
        shown = subprocess.check_output(["ps", "axww", "-o", "args"], text=True)
        shown += "".join(log.read_text() for log in tmp_path.glob("*.log"))
        assert HARD[:6] not in shown
        assert services.secret("admin_token") not in shown
        asyncio.run(check_roles(services))
        services.stop("redis")
        for name in ("redis", "api"):
            eventually(lambda name=name: not services.is_healthy(name))


def ready(http: httpx2.Client) -> bool:
    try:
        return http.get("/readyz").status_code == 200
    except httpx2.TransportError:
        return False


REFUSED_TO_THE_API = [
    "INSERT INTO area_mode_events SELECT * FROM area_mode_events",
    "DELETE FROM area_mode_events",
    "DROP TABLE area_mode_events",
    "TRUNCATE area_mode_events",
    "UPDATE area_mode_events SET delta = 5",
    "UPDATE area_mode_events_agg SET current_count = 5",
    "UPDATE archive_checkpoint SET epoch = ''",
    "DELETE FROM erasures",
    "CREATE TABLE mine (a int)",
    "CREATE TEMPORARY TABLE mine (a int)",
    "CREATE ROLE mine",
    "ALTER ROLE modepulse_archiver PASSWORD 'mine'",
    "SET ROLE modepulse_archiver",
    "COPY area_mode_events TO PROGRAM 'cat'",
]


async def check_roles(services: Composed) -> None:
    def connect(name: str) -> Any:
        return asyncpg.connect(
            f"postgresql://modepulse_{name}@127.0.0.1:{services.settings('postgres')['PGPORT']}/{Postgres.DATABASE}",
            password=services.secret(f"postgres_{name}_password"),
        )

    api, archiver = await connect("api"), await connect("archiver")
    for statement in REFUSED_TO_THE_API:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await api.execute(statement)
    await archiver.execute("CREATE TABLE later (a int); INSERT INTO later VALUES (1)")
    assert await api.fetchval("SELECT a FROM later") == 1
    await archiver.execute("DROP TABLE later")
    for statement in ("CREATE ROLE mine", "COPY area_mode_events TO PROGRAM 'cat'"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await archiver.execute(statement)
    await api.close()
    await archiver.close()


@SAME_ON_EVERY_SERVER
@pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs prometheus; .ci/run installs it")
def test_prometheus_starts_with_its_command(redis_name: str, tmp_path: Path) -> None:
    places = {"/etc/modepulse/monitoring": str(ROOT / "deploy" / "monitoring"), "/prometheus": str(tmp_path)}
    port = unused_port()
    command = ["prometheus", f"--web.listen-address=127.0.0.1:{port}"]
    for option in SERVICES["prometheus"]["command"]:
        name, _, value = option.partition("=")
        command.append(f"{name}={next((value.replace(a, b) for a, b in places.items() if value.startswith(a)), value)}")
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, preexec_fn=child_setup(signal.SIGKILL)) as process:
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as http:
                eventually(lambda: answers(http, "/-/ready"))
                assert http.get("/api/v1/rules").json()["data"]["groups"]
        finally:
            process.terminate()


def answers(http: httpx2.Client, path: str) -> bool:
    try:
        return http.get(path).status_code == 200
    except httpx2.TransportError:
        return False
