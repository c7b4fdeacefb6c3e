"""The supervisor, with children that are nothing but sleep."""

import math
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from modepulse.launcher import supervisor as module
from modepulse.launcher.child_process import child_setup, spawn
from modepulse.launcher.errors import LaunchError
from modepulse.launcher.part_output import LogFile, PartOutput, Stderr
from modepulse.launcher.supervisor import Service, Stopped, Supervisor, block_signals
from tests.servers import eventually


class Recorder:
    """A supervisor, and how often it has reported a restart."""

    def __init__(self) -> None:
        self.restarts = 0
        self.supervisor = Supervisor(Path("/logs"), self._count)
        self.output: PartOutput = LogFile(Path("/dev/null"))

    def _count(self) -> None:
        self.restarts += 1

    def add(self, *command: str, name: str = "service", stop_signal: signal.Signals = signal.SIGTERM) -> Service:
        def start(output: IO[bytes]) -> "subprocess.Popen[bytes]":
            return spawn(list(command), output, preexec_fn=child_setup(signal.SIGKILL))

        service = Service(name, start, self.output, stop_signal)
        self.supervisor.add(service)
        return service

    def supervise_until(self, condition: Callable[[], Any]) -> None:
        """Fails if the condition does not become true."""

        def supervised() -> Any:
            self.supervisor.supervise_once(0.05)
            return condition()

        eventually(supervised)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    block_signals()
    recorder = Recorder()
    try:
        yield recorder
        recorder.supervisor.stop()
    finally:
        while signal.sigtimedwait(module.STOP_SIGNALS | {signal.SIGCHLD}, 0):
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def process_of(service: Service) -> "subprocess.Popen[bytes]":
    assert service.process is not None
    return service.process


def test_service_that_ends_is_started_again(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "RESTART_BACKOFF_AGE_SECONDS", 0)
    service = recorder.add("sleep", "60", name="sleeper")
    recorder.supervisor.start()
    first = process_of(service)
    first.kill()
    recorder.supervise_until(lambda: service.process is not first)
    assert process_of(service).poll() is None
    assert recorder.supervisor.pids() == {"sleeper": process_of(service).pid}
    assert recorder.restarts == 1
    assert "sleeper ended (signal 9); starting it again; logs: /logs" in capsys.readouterr().err


def test_young_service_is_started_again_only_after_the_back_off(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESTART_BACKOFF_AGE_SECONDS", math.inf)
    monkeypatch.setattr(module, "RESTART_BACKOFF_SECONDS", 3600)
    service = recorder.add("sleep", "60")
    recorder.supervisor.start()
    process_of(service).kill()
    recorder.supervise_until(lambda: service.process is None)
    recorder.supervisor.supervise_once(0)
    assert service.process is None
    assert recorder.supervisor.pids() == {"service": None}
    service.restart_at = 0  # the back-off is over
    recorder.supervise_until(lambda: service.process is not None)
    assert recorder.restarts == 1


def test_service_that_refuses_its_settings_ends_the_supervision(recorder: Recorder) -> None:
    recorder.add("sh", "-c", f"exit {module.SETTINGS_EXIT_CODE}", name="picky")
    recorder.supervisor.start()
    with pytest.raises(LaunchError, match="picky refused its settings") as refused:
        recorder.supervise_until(lambda: False)
    assert refused.value.exit_code == 2
    assert recorder.restarts == 0


@pytest.mark.parametrize("number", sorted(module.STOP_SIGNALS))
def test_stop_signal_ends_the_supervision(recorder: Recorder, number: signal.Signals) -> None:
    recorder.add("sleep", "60")
    recorder.supervisor.start()
    signal.pthread_kill(threading.get_ident(), number)
    with pytest.raises(Stopped):
        recorder.supervise_until(lambda: False)


def test_services_stop_in_reverse_order(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    services = [
        recorder.add("sleep", "60", name="store", stop_signal=signal.SIGUSR1),
        recorder.add("sleep", "60", name="writer"),
        recorder.add("sleep", "60", name="api"),
    ]
    recorder.supervisor.start()
    sent: list[tuple[list[str], int]] = []
    send_signal = subprocess.Popen.send_signal

    def running() -> list[str]:
        return [service.name for service in services if process_of(service).poll() is None]

    def record(process: "subprocess.Popen[bytes]", number: int) -> None:
        sent.append((running(), number))
        send_signal(process, number)

    monkeypatch.setattr(subprocess.Popen, "send_signal", record)
    recorder.supervisor.stop()
    assert sent == [
        (["store", "writer", "api"], signal.SIGTERM),
        (["store", "writer"], signal.SIGTERM),
        (["store"], signal.SIGUSR1),
    ]
    assert running() == []


def test_service_that_does_not_stop_is_killed(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "STOP_TIMEOUT_SECONDS", 0.01)
    service = recorder.add("sleep", "60", name="deaf", stop_signal=signal.SIGCONT)
    recorder.supervisor.start()
    recorder.supervisor.stop()
    assert process_of(service).returncode == -signal.SIGKILL
    assert "deaf does not stop; killing it" in capsys.readouterr().err


def test_condition_that_is_not_met_in_time_is_named(recorder: Recorder) -> None:
    with pytest.raises(LaunchError, match="the store is not ready after 0 s; see /logs"):
        recorder.supervisor.wait_for(lambda: False, "the store", 0)


def test_service_that_is_added_later_is_started_later(recorder: Recorder) -> None:
    first = recorder.add("sleep", "60")
    recorder.supervisor.start()
    assert first.process is not None
    pid = first.process.pid
    second = recorder.add("sleep", "60", name="later")
    recorder.supervisor.start()
    assert first.process.pid == pid
    assert second.process is not None
    assert recorder.restarts == 0


def test_service_that_never_starts_ends_the_supervision_with_its_last_line(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "RESTART_BACKOFF_SECONDS", 0)
    recorder.output = LogFile(tmp_path / "log")
    (tmp_path / "log").write_text("of an earlier start\n")
    recorder.add("sh", "-c", "echo first; echo 'the reason'; exit 3", name="broken")
    recorder.supervisor.start()
    with pytest.raises(
        LaunchError, match=r"broken failed to start 5 times \(exit code 3\); its last line: the reason$"
    ):
        recorder.supervise_until(lambda: False)
    assert recorder.restarts == module.START_TRIES - 1


def test_last_line_of_what_goes_to_stderr_is_known_and_all_of_it_passed_on(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(module, "RESTART_BACKOFF_SECONDS", 0)
    recorder.output = Stderr()
    recorder.add("sh", "-c", "echo 'the reason' >&2; exit 3", name="broken")
    recorder.supervisor.start()
    with pytest.raises(LaunchError, match=r"its last line: the reason$"):
        recorder.supervise_until(lambda: False)
    assert capfdbinary.readouterr().err.count(b"the reason\n") == module.START_TRIES


def test_old_service_that_ends_before_all_is_ready_has_failed_to_start(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESTART_BACKOFF_AGE_SECONDS", 0)
    recorder.add("false", name="slow")
    recorder.supervisor.start()
    with pytest.raises(LaunchError, match="it printed nothing"):
        recorder.supervise_until(lambda: False)


@pytest.mark.parametrize("command", [["sh", "-c", "kill -9 $$"], ["false"]])
def test_service_that_ran_and_is_ended_is_started_for_ever(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """Killed by somebody, however soon, or by itself, when it is older."""
    monkeypatch.setattr(module, "RESTART_BACKOFF_SECONDS", 0)
    if command == ["false"]:
        monkeypatch.setattr(module, "RESTART_BACKOFF_AGE_SECONDS", 0)
    recorder.supervisor.settle()
    recorder.add(*command)
    recorder.supervisor.start()
    recorder.supervise_until(lambda: recorder.restarts > 2 * module.START_TRIES)


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("", ""),
        ("a\n\n  b  \n", "b"),
        ("LOG: x\nFATAL:  could not open file\nLOG:  database system is shut down\n", "FATAL:  could not open file"),
        ("x" * 100_000 + "\nb\xff\n", "b\ufffd"),
    ],
)
def test_last_line_is_that_with_the_reason(tmp_path: Path, text: str, last: str) -> None:
    log = LogFile(tmp_path / "log")
    assert log.last_line() == ""
    with log.opened(after_failure=False) as file:
        file.write(text.encode("latin-1"))
    assert log.last_line() == last
