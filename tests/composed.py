"""The services of docker-compose.yml as processes, for tests: there is no Docker where they run."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import yaml

from app.settings import PREFIX
from modepulse.launcher.child_process import child_setup, free_port
from tests.conftest import BINARIES
from tests.servers import postgres_server

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
# Whatever a person may think of.
HARD = "p@/#:% '\"\\?&$(x)`é[]{}<api>"


class Composed:
    """The services of docker-compose.yml as processes on loopback, with the binaries there are."""

    def __init__(self, redis_name: str, folder: Path, stack: ExitStack) -> None:
        self.secrets = folder / "secrets"
        self._folder, self._stack = folder, stack
        subprocess.run(["sh", ROOT / "deploy" / "make-secrets.sh", self.secrets], check=True)
        for path in self.secrets.glob("*_password"):
            path.chmod(0o600)
            path.write_text(f"{HARD}{path.name}\n")
        self.redis_port, self.api_port = free_port(), free_port()
        (folder / "bin").mkdir()
        (folder / "bin" / "redis-server").symlink_to(BINARIES[redis_name])
        self.postgres = stack.enter_context(postgres_server(folder))
        asyncio.run(self._set_superuser())
        self._run_redis()

    async def _set_superuser(self) -> None:
        connection = await asyncpg.connect(self.postgres.dsn())
        statement = await connection.fetchval(
            "SELECT format('ALTER ROLE modepulse PASSWORD %L', $1::text)", self.secret("postgres_password")
        )
        await connection.execute(statement)
        await connection.close()

    def secret(self, name: str) -> str:
        return (self.secrets / name).read_text().removesuffix("\n")

    def _run_redis(self) -> None:
        script, *options = (word.replace("0.0.0.0", "127.0.0.1") for word in SERVICES["redis"]["command"])
        data = self._folder / "redis"
        data.mkdir()
        self._start(
            "redis",
            [
                "sh",
                self._local(script),
                *options,
                "--port",
                str(self.redis_port),
                "--bind",
                "127.0.0.1",
                "--dir",
                str(data),
            ],
            {"USERS_FILE": str(self._folder / "users.acl"), "REDIS_CONF": str(ROOT / "redis.conf")},
        )

    def set_roles(self) -> None:
        """The service postgres-roles."""
        (script,) = SERVICES["postgres-roles"]["command"]
        environment = SERVICES["postgres-roles"]["environment"] | {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.postgres.port),
            "SECRETS": str(self.secrets),
        }
        subprocess.run(["sh", self._local(script)], env=self._environment(environment), check=True, timeout=60)

    def run(self, name: str) -> None:
        command = SERVICES[name].get("command", ["modepulse", "serve"])
        more = ["--port", str(self.api_port)] if name == "api" else []
        self._start(name, [sys.executable, "-m", *command, *more], self.settings(name))

    def settings(self, name: str) -> dict[str, str]:
        """The environment of a service, with the addresses of these servers."""
        replaced = {
            "redis:6379": f"127.0.0.1:{self.redis_port}",
            "postgres:5432": f"127.0.0.1:{self.postgres.port}",
            "/run/secrets": str(self.secrets),
        }
        given = {}
        for variable, value in SERVICES[name]["environment"].items():
            for before, after in replaced.items():
                value = value.replace(before, after)
            given[variable] = re.sub(r"\$\{\w+:-(\w*)\}", r"\1", value)
        return given

    def _start(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        with (self._folder / f"{name}.log").open("ab") as output:
            process = subprocess.Popen(
                command,
                env=self._environment({"SECRETS": str(self.secrets)} | environment),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=child_setup(signal.SIGKILL),
            )
        self._stack.callback(process.wait, 30)
        self._stack.callback(process.terminate)

    def _environment(self, given: dict[str, str]) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "PG"))}
        return clean | given | {"PATH": f"{self._folder / 'bin'}:{clean['PATH']}"}

    def _local(self, path: str) -> str:
        return str(ROOT / "deploy" / Path(path).relative_to("/etc/modepulse"))


@contextmanager
def composed(redis_name: str, folder: Path) -> Iterator[Composed]:
    with ExitStack() as stack:
        yield Composed(redis_name, folder, stack)
