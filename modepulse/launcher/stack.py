"""`modepulse dev`: Redis, Postgres, archiver and API on this machine, started, kept running and stopped as one."""

import asyncio
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import IO

from app.contract.postgres import POSTGRES_ERRORS
from app.contract.versions import own_version
from app.server import bind
from app.settings import Settings
from archiver.errors import EditedMigration
from modepulse import demo
from modepulse.exposure import WAYS_OUT, lacks_key, needs_key
from modepulse.launcher.api_address import is_ready, metrics_urls, url_of
from modepulse.launcher.child_process import child_setup, environment_with, free_port, spawn
from modepulse.launcher.data_directory import DataDirectory
from modepulse.launcher.embedded_stores import postgres_service, redis_service, role_passwords
from modepulse.launcher.errors import LaunchError
from modepulse.launcher.part_output import Stderr
from modepulse.launcher.postgres_binaries import PostgresBinaries
from modepulse.launcher.postgres_server import Postgres, cluster_of, make_database, make_roles
from modepulse.launcher.redis_server import named_server
from modepulse.launcher.redis_writer import choose_server
from modepulse.launcher.report import configure, report
from modepulse.launcher.store_addresses import StoreAddresses, psql_command, redis_cli_command
from modepulse.launcher.supervisor import Service, Stopped, Supervisor, block_signals
from modepulse.launcher.writer import Writer
from modepulse.notice import notice

READY_TIMEOUT_SECONDS = 120
# Of the archiver, where it is free; deploy/monitoring/prometheus.yml asks there.
METRICS_PORT = 9109
SUPERVISE_SECONDS = 1.0


class Stack:
    """All of Modepulse on one machine. A store whose address is set is not started.

    Port 0 is any free port; with `demo`, simulated players play on the API.
    """

    def __init__(self, settings: Settings, host: str, port: int, data_dir: Path, demo: bool) -> None:
        self._settings = settings
        self._host, self._port = host, port
        self._demo = demo
        self._directory = DataDirectory(data_dir)
        self._supervisor = Supervisor(self._directory.logs, on_restart=self._write_run)
        self._listener: socket.socket | None = None
        self._redis = StoreAddresses.shared(settings.redis_url)
        self._archive = StoreAddresses.shared(settings.postgres_dsn)
        self._postgres: Postgres | None = None  # the embedded one
        self._metrics_port = 0  # the archiver's
        self._writers: dict[str, Writer] = {}  # of the stores that are started here

    def run(self) -> None:
        """Returns after an orderly stop by SIGINT, SIGTERM or SIGHUP. Raises LaunchError."""
        block_signals()
        try:
            self._prepare()
            self._start()
            self._announce()
            while True:
                self._supervisor.supervise_once(SUPERVISE_SECONDS)
        except Stopped:
            pass
        finally:
            self._stop()

    def _prepare(self) -> None:
        """Everything that can be refused is refused here, before anything is started; but a missing key."""
        settings, directory = self._settings, self._directory
        own_redis, own_postgres = bool(settings.redis_url), bool(settings.postgres_dsn)
        named = None if own_redis or not settings.redis_server else named_server(settings.redis_server)
        directory.acquire()
        configure(settings)
        noted = directory.read_writers().get("redis")
        server, about = (None, "") if own_redis else choose_server(directory.redis, noted, named)
        if not own_postgres:
            PostgresBinaries.embedded().require_same_major(cluster_of(directory.postgres))
        self._listen()
        if self._needs_key() and directory.is_new() and not (own_redis or own_postgres):
            raise self._no_key()
        kept = directory.read_ports()
        self._metrics_port = settings.archiver_metrics_port or free_port(kept.get("metrics", METRICS_PORT))
        ports = {"metrics": self._metrics_port}
        if server is not None:
            if about:
                report(about)
            ports["redis"] = free_port(kept.get("redis"))
            service, self._redis = redis_service(directory, server, ports["redis"])
            self._supervisor.add(service)
            self._writers["redis"] = Writer(server.name, server.version, str(server.binary))
        if not own_postgres:
            ports["postgres"] = free_port(kept.get("postgres"))
            postgres = self._postgres = Postgres(directory.postgres, ports["postgres"])
            service, self._archive = postgres_service(directory, postgres)
            self._supervisor.add(service)
            self._writers["postgres"] = Writer("Postgres", postgres.binaries.version)
        directory.write_ports(ports)

    def _needs_key(self) -> bool:
        """Whether others can reach the API. The admin token that is made here does not count: nobody has chosen it."""
        assert self._listener is not None
        return needs_key(self._settings, self._listener)

    def _require_key(self) -> None:
        """Raises LaunchError when the stores have none."""
        settings = self._own_settings()
        self._supervisor.wait_for(lambda: lacks_key(settings) is not None, "Redis", READY_TIMEOUT_SECONDS)
        if lacks_key(settings):
            raise self._no_key()

    def _no_key(self) -> LaunchError:
        return LaunchError(f"others can reach {self._host} and there is no key: {WAYS_OUT}", 2)

    def _listen(self) -> None:
        """Opens the API's listening socket, which outlives the API: while that restarts, connections wait.

        Raises LaunchError.
        """
        try:
            self._listener = bind(self._host, self._port)
        except OSError as error:
            raise LaunchError(f"cannot listen on {self._host} port {self._port}: {error.strerror}") from None
        except OverflowError:
            raise LaunchError(f"{self._port} is no port", 2) from None
        self._port = self._listener.getsockname()[1]

    def _add_processes(self) -> None:
        assert self._listener is not None
        listener = self._listener.fileno()
        settings = {"MODEPULSE_ADMIN_TOKEN": self._settings.admin_token or self._directory.make_admin_token()}
        api = {"MODEPULSE_REDIS_URL": self._redis.api, "MODEPULSE_POSTGRES_DSN": self._archive.api}
        api["MODEPULSE_DEV"] = "true"
        archiver = {"MODEPULSE_REDIS_URL": self._redis.archiver, "MODEPULSE_POSTGRES_DSN": self._archive.archiver}
        archiver["MODEPULSE_ARCHIVER_METRICS_PORT"] = str(self._metrics_port)
        self._add_command("archiver", ["archive"], settings | archiver)
        self._add_command("api", ["serve", "--fd", str(listener)], settings | api, listener)
        if self._demo:
            key = {"MODEPULSE_API_KEY": settings["MODEPULSE_ADMIN_TOKEN"]}
            self._add_command("demo", [*demo.PLAYERS, "--url", self._url], key)

    def _add_command(self, name: str, arguments: list[str], settings: dict[str, str], *inherited: int) -> None:
        """A service that is a command of this package and logs to stderr."""
        command = [sys.executable, "-m", "modepulse", *arguments]
        environment = environment_with(settings)

        def start(output: IO[bytes]) -> "subprocess.Popen[bytes]":
            return spawn(command, output, env=environment, pass_fds=inherited, preexec_fn=child_setup(signal.SIGKILL))

        self._supervisor.add(Service(name, start, Stderr()))

    def _start(self) -> None:
        """Returns when the API answers that it is ready. Raises LaunchError."""
        self._supervisor.start()
        if self._postgres is not None:
            self._prepare_postgres(self._postgres)
        if self._needs_key():
            self._require_key()
        if self._demo:
            self._write_demo_history()
        self._add_processes()
        self._write_run()  # who finds the API ready finds the file, too
        self._supervisor.start()
        self._write_run()
        self._supervisor.wait_for(lambda: is_ready(self._host, self._port), "the API", READY_TIMEOUT_SECONDS)
        self._supervisor.settle()
        self._directory.write_writers(self._writers)

    def _prepare_postgres(self, postgres: Postgres) -> None:
        """Before the archiver connects, which has a role of its own."""
        dsn = postgres.dsn("postgres")
        self._supervisor.wait_for(lambda: asyncio.run(make_database(dsn)), "Postgres", READY_TIMEOUT_SECONDS)
        try:
            asyncio.run(make_roles(postgres.dsn(), role_passwords(self._directory)))
        except POSTGRES_ERRORS as error:
            raise LaunchError(f"the roles in Postgres cannot be made: {type(error).__name__}: {error}") from None

    def _write_demo_history(self) -> None:
        """Before the archiver and the players start, so that it is there when somebody looks."""
        settings = self._own_settings()
        outcome: demo.History | None = None

        def write() -> bool:
            nonlocal outcome
            outcome = demo.write_week(settings)
            return outcome is not None

        try:
            self._supervisor.wait_for(write, "a store", READY_TIMEOUT_SECONDS)
        except EditedMigration as error:
            raise LaunchError(str(error), 2) from None
        except POSTGRES_ERRORS as error:
            raise LaunchError(f"the demo's history cannot be written: {type(error).__name__}: {error}") from None
        if outcome and outcome.value:
            report(outcome.value)

    def _own_settings(self) -> Settings:
        """Those by which the stores are reached as their owner."""
        return replace(self._settings, redis_url=self._redis.owner, postgres_dsn=self._archive.owner)

    def _announce(self) -> None:
        secrets, settings = self._directory.secrets, self._settings
        redis_cli = redis_cli_command(self._redis.owner, None if settings.redis_url else secrets / "redis_owner")
        psql = psql_command(self._archive.owner, None if settings.postgres_dsn else secrets / "pgpass")
        message = f"version {own_version()} runs at {self._url}, data in {self._directory.path}"
        report(message, version=own_version(), url=self._url, pids=self._supervisor.pids())
        notice(f"{redis_cli}    {psql}")
        print(f"ready {self._url}", flush=True)

    def _write_run(self) -> None:
        pids = self._supervisor.pids()
        self._directory.write_run(
            {
                "url": self._url,
                "redis_url": self._redis.owner,
                "postgres_dsn": self._archive.owner,
                "metrics": metrics_urls(self._settings, self._url, self._metrics_port),
                "pids": {name: pids.get(name) for name in ("redis", "postgres", "api", "archiver")},
            }
        )

    def _stop(self) -> None:
        """Stops the API before the archiver and the stores, so that what it has accepted is written."""
        if self._listener is not None:
            self._listener.close()
        self._supervisor.stop()
        self._directory.release()

    @property
    def _url(self) -> str:
        return url_of(self._host, self._port)
