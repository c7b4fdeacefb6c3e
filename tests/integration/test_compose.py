"""docker-compose.yml, part by part and without Docker: the very commands, files and settings that it names."""

import asyncio
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
import redis
import yaml

from app.settings import FILE_SUFFIX, PREFIX, Settings
from modepulse.launcher.postgres_server import Postgres
from tests.composed import COMPOSE, HARD, ROOT, SERVICES, Composed, composed
from tests.http_client import event, post, stats
from tests.servers import eventually, modepulse

# --- What it says --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] in ("redis", "postgres", "10001:10001")
    assert "/tmp" in service["tmpfs"]
    assert not service.get("privileged")
    assert ("ports" in service) == (name == "api")


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_are_files_and_each_service_has_those_that_it_names(name: str) -> None:
    service = SERVICES[name]
    given = service.get("secrets", [])
    assert set(given) <= set(COMPOSE["secrets"])
    text = yaml.safe_dump({key: value for key, value in service.items() if key != "secrets"})
    assert set(re.findall(r"/run/secrets/(\w+)", text)) <= set(given)
    for variable, value in service.get("environment", {}).items():
        assert not re.search("PASSWORD|TOKEN|SECRET", variable) or variable.endswith(FILE_SUFFIX)
        assert not re.search(r"://[^/@]*:[^/@]*@", value)


def test_settings_that_it_gives_exist() -> None:
    known = {PREFIX + name.upper() for name in Settings.__dataclass_fields__}
    for name in ("api", "archiver"):
        given = {variable.removesuffix(FILE_SUFFIX) for variable in SERVICES[name]["environment"]}
        assert given <= known


def test_secrets_stay_out_of_the_image_and_the_repository() -> None:
    assert {secret["file"] for secret in COMPOSE["secrets"].values()} == {
        f"./deploy/secrets/{name}" for name in COMPOSE["secrets"]
    }
    assert "deploy/secrets" in (ROOT / ".dockerignore").read_text().splitlines()
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_secrets_are_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    for _ in range(2):
        subprocess.run(["sh", ROOT / "deploy" / "make-secrets.sh", folder], check=True)
        made = {path.name: path.read_text() for path in folder.iterdir()}
        assert set(made) == set(COMPOSE["secrets"])
        assert len(set(made.values())) == len(made)
        assert min(map(len, made.values())) >= 38
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "admin_token").chmod(0o600)
        (folder / "admin_token").write_text("chosen by a person, not at all random\n")
    assert made["admin_token"].startswith("chosen")


# --- What it does --------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("psql") is None, reason="needs psql")
def test_services_run_with_their_users_and_hard_passwords(redis_name: str, tmp_path: Path) -> None:
    with composed(redis_name, tmp_path) as services:
        for _ in range(2):
            services.set_roles()
        for name in ("archiver", "api"):
            services.run(name)
        url = f"http://127.0.0.1:{services.api_port}"
        with httpx2.Client(base_url=url, timeout=10) as http:
            eventually(lambda: ready(http), 30)
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
        healthy = (
            SERVICES["redis"]["healthcheck"]["test"][1]
            .replace("$$", "$")
            .replace("/run/secrets", str(services.secrets))
        )
        command = healthy.replace("redis-cli", f"redis-cli -p {services.redis_port}")
        if shutil.which("redis-cli"):
            subprocess.run(["sh", "-c", command], check=True)
        with redis.Redis(port=services.redis_port) as anonymous, pytest.raises(redis.AuthenticationError):
            anonymous.ping()
        shown = subprocess.check_output(["ps", "axww", "-o", "args"], text=True)
        shown += "".join(log.read_text() for log in tmp_path.glob("*.log"))
        assert HARD[:6] not in shown
        assert services.secret("admin_token") not in shown
        asyncio.run(check_roles(services))


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
            f"postgresql://modepulse_{name}@127.0.0.1:{services.postgres.port}/{Postgres.DATABASE}",
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
