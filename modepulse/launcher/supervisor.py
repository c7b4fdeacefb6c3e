"""Keeps processes running: starts them in order, restarts those that end, stops them in reverse order.

Signals, SIGCHLD among them, are blocked and taken one by one with sigtimedwait: there is no handler, so no race.
"""

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from logging import WARNING
from pathlib import Path
from typing import IO

from modepulse.launcher.errors import LaunchError
from modepulse.launcher.part_output import PartOutput
from modepulse.launcher.report import report

STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
# How long a service may take to stop before it is killed.
STOP_TIMEOUT_SECONDS = 20
# A service that ends at this age or younger is not restarted at once, but after the back-off.
RESTART_BACKOFF_AGE_SECONDS = 2.0
RESTART_BACKOFF_SECONDS = 1.0
# A service that fails to start so often, one time after the other, is given up, and the stack with it.
START_TRIES = 5
# The exit code of a service whose settings are wrong: restarting it would not help.
SETTINGS_EXIT_CODE = 2
POLL_SECONDS = 0.05
# Somebody ended a service that ran: it did not fail to start, however young it was.
_ENDED_FROM_OUTSIDE = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP}


class Stopped(Exception):
    """SIGINT, SIGTERM or SIGHUP was received."""


def block_signals() -> None:
    """Holds the signals back until supervision takes them. To be called before anything is started."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS | {signal.SIGCHLD})


@dataclass
class Service:
    """A process to keep running. `stop_signal` makes it stop in order; times are those of time.monotonic()."""

    name: str
    start: Callable[[IO[bytes]], "subprocess.Popen[bytes]"]
    """Is given the file to print to."""
    output: PartOutput
    stop_signal: signal.Signals = signal.SIGTERM
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    restart_at: float = 0.0
    failures: int = 0
    """Starts that failed, one after the other."""


class Supervisor:
    """The services in the order of their start. `logs` is the folder that messages refer to; `on_restart` is called
    after each restart."""

    def __init__(self, logs: Path, on_restart: Callable[[], None]) -> None:
        self._services: list[Service] = []
        self._logs = logs
        self._on_restart = on_restart
        self._settled = False

    def settle(self) -> None:
        """Notes that all that was started works. Before, a service that ends, however old, has failed to start."""
        self._settled = True

    def add(self, service: Service) -> None:
        """Adds a service to be started after those added before it."""
        self._services.append(service)

    def pids(self) -> dict[str, int | None]:
        """The process id of each service by name; None while it is not running."""
        return {service.name: service.process.pid if service.process else None for service in self._services}

    def start(self) -> None:
        """Starts the services that were added since the last call, without waiting until they are ready."""
        for service in self._services:
            if not service.started_at:
                _start(service)

    def wait_for(self, condition: Callable[[], bool], subject: str, timeout: float) -> None:
        """Supervises until the condition is true. Raises LaunchError after `timeout` seconds, and Stopped."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise LaunchError(f"{subject} is not ready after {timeout:g} s; see {self._logs}")
            self.supervise_once(POLL_SECONDS)

    def supervise_once(self, timeout: float) -> None:
        """Waits for a signal, at most `timeout` seconds; restarts services that have ended and are due.

        Raises Stopped, and LaunchError if a service refused its settings or failed to start START_TRIES times.
        """
        backoffs = [service.restart_at - time.monotonic() for service in self._services if service.process is None]
        received = signal.sigtimedwait(STOP_SIGNALS | {signal.SIGCHLD}, max(0.0, min([timeout, *backoffs])))
        if received is not None and received.si_signo in STOP_SIGNALS:
            raise Stopped
        for service in self._services:
            if service.process is not None and service.process.poll() is not None:
                self._note_end(service, service.process.returncode)
            if service.process is None and time.monotonic() >= service.restart_at:
                _start(service)
                self._on_restart()

    def _note_end(self, service: Service, code: int) -> None:
        if code == SETTINGS_EXIT_CODE:
            raise LaunchError(f"{service.name} refused its settings", 2)
        now = time.monotonic()
        young = now - service.started_at < RESTART_BACKOFF_AGE_SECONDS
        failed = not self._settled or (young and code not in _ENDED_FROM_OUTSIDE)
        service.process = None
        service.restart_at = now + (RESTART_BACKOFF_SECONDS if young else 0)
        service.failures = service.failures + 1 if failed else 0
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        if service.failures >= START_TRIES:
            line = service.output.last_line() or "it printed nothing"
            raise LaunchError(f"{service.name} failed to start {START_TRIES} times ({how}); its last line: {line}")
        report(f"{service.name} ended ({how}); starting it again; logs: {self._logs}", WARNING, part=service.name)

    def stop(self) -> None:
        """Stops the services, the one started last first, and kills what does not stop in time."""
        for service in reversed(self._services):
            if service.process is None or service.process.poll() is not None:
                continue
            service.process.send_signal(service.stop_signal)
            try:
                service.process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                report(f"{service.name} does not stop; killing it", WARNING, part=service.name)
                service.process.kill()
                service.process.wait()


def _start(service: Service) -> None:
    with service.output.opened(after_failure=service.failures > 0) as output:
        service.process = service.start(output)
    service.started_at = time.monotonic()
