"""What docker-compose.yml says, against its schema and against what the rest of the repository says."""

import json
import re
import subprocess
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml

from app import server
from app.archive import access_log
from app.settings import FILE_SUFFIX, PREFIX, Settings
from archiver import schedule
from modepulse.launcher.redis_server import embedded_redis
from tests.composed import COMPOSE, POSTGRES_BINARIES, ROOT, SERVICES

OURS = ("api", "archiver")


def test_it_is_what_compose_understands() -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
    jsonschema.validate(COMPOSE, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(COMPOSE | {"services": {"api": {"stop_grace_periode": "30s"}}}, schema)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] == "postgres" or re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert "/tmp" in service["tmpfs"]
    assert not service.get("privileged")
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    assert ("ports" in service) == (name in ("balancer", "grafana"))


def test_only_the_balancer_is_reached_and_only_from_this_machine() -> None:
    assert SERVICES["balancer"]["ports"] == ["${MODEPULSE_ADDRESS:-127.0.0.1}:${MODEPULSE_PORT:-8000}:8080"]
    assert SERVICES["grafana"]["ports"] == ["127.0.0.1:${MODEPULSE_GRAFANA_PORT:-3000}:3000"]
    assert COMPOSE["networks"]["stores"] == COMPOSE["networks"]["metrics"] == {"internal": True}
    reached = [name for name, service in SERVICES.items() if "front" in service["networks"]]
    assert sorted(reached) == ["api", "balancer", "grafana"]
    in_reach_of_the_stores = {name for name, service in SERVICES.items() if "stores" in service["networks"]}
    assert not in_reach_of_the_stores & {"balancer", "prometheus", "grafana"}
    subnet = COMPOSE["networks"]["front"]["ipam"]["config"][0]["subnet"]
    assert SERVICES["api"]["environment"]["MODEPULSE_TRUSTED_PROXIES"] == subnet


def test_several_containers_of_the_api_may_run() -> None:
    assert not {"container_name", "ports", "volumes"} & SERVICES["api"].keys()


def version(binary: Path) -> str:
    printed = subprocess.check_output([binary, "--version"], text=True)
    (found,) = re.findall(r"(?:v=|PostgreSQL\) )(\d+)", printed)
    return str(found)


def test_images_are_exact_and_of_the_majors_that_are_embedded() -> None:
    images = {name: service["image"] for name, service in SERVICES.items() if name not in OURS}
    for image in images.values():
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+(\.\d+)?(-[a-z]+[\d.]*)?", image), image
    assert images["redis"].startswith(f"valkey/valkey:{version(embedded_redis())}.")
    assert images["postgres"].startswith(f"postgres:{version(POSTGRES_BINARIES / 'postgres')}.")
    assert images["postgres-roles"] == images["postgres"]
    # Since Postgres 18 the path in the volume names the major.
    assert SERVICES["postgres"]["volumes"] == [
        f"postgres-{version(POSTGRES_BINARIES / 'postgres')}:/var/lib/postgresql"
    ]


def seconds(service: str) -> int:
    return int(SERVICES[service]["stop_grace_period"].removesuffix("s"))


def test_everything_has_the_time_to_stop_in_order() -> None:
    assert seconds("api") > server.GRACE_SECONDS + access_log.STOP_SECONDS
    assert seconds("archiver") > schedule.STOP_SECONDS
    assert seconds("balancer") > server.GRACE_SECONDS
    # With a checkpoint of max_wal_size, and with the rest of the append-only file.
    assert seconds("postgres") >= 60
    assert seconds("redis") >= 30


def test_redis_may_use_what_redis_conf_gives_it_while_its_file_is_rewritten() -> None:
    (maxmemory,) = re.findall(r"^maxmemory (\d+)gb$", (ROOT / "redis.conf").read_text(), re.MULTILINE)
    (limit,) = re.findall(r":-(\d+)g\}", SERVICES["redis"]["deploy"]["resources"]["limits"]["memory"])
    assert int(limit) >= 1.5 * int(maxmemory)


def test_health_is_that_events_are_taken() -> None:
    for name in ("api", "balancer"):
        assert "/readyz" in " ".join(SERVICES[name]["healthcheck"]["test"])
    assert "/readyz" in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("name", SERVICES)
def test_files_that_it_mounts_exist(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source = volume.partition(":")[0]
        assert source in COMPOSE["volumes"] or (ROOT / source).exists(), volume
        assert source in COMPOSE["volumes"] or volume.endswith(":ro"), volume


def test_what_varies_is_documented() -> None:
    table = (ROOT / "docs" / "operate.md").read_text()
    for variable in re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()):
        assert f"`{variable}`" in table, variable


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


def test_prometheus_asks_the_ports_that_the_processes_have() -> None:
    asked = yaml.safe_load((ROOT / "deploy" / "monitoring" / "compose.yml").read_text())["scrape_configs"]
    ports = {config["names"][0]: config["port"] for job in asked for config in job["dns_sd_configs"]}
    assert ports == {
        "api": int(SERVICES["api"]["environment"]["MODEPULSE_METRICS_PORT"]),
        "archiver": int(SERVICES["archiver"]["environment"]["MODEPULSE_ARCHIVER_METRICS_PORT"]),
    }
    for name in ports:
        assert "metrics" in SERVICES[name]["networks"]


def test_grafana_finds_its_dashboard_and_prometheus() -> None:
    folder = ROOT / "deploy" / "monitoring" / "grafana"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((folder / "dashboards" / "modepulse.yml").read_text())["providers"]
    mounted = [volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]]
    assert any(Path(path).parent == Path(provider["options"]["path"]) for path in mounted)
    assert "/etc/grafana/provisioning" in mounted
