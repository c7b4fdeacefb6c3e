"""A shell in which the commands of a document are run one after the other, as a reader types them."""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from modepulse.launcher.child_process import child_setup
from tests.code_blocks import Step
from tests.expected_output import ExpectedOutput

SECONDS = 30.0
# Nothing is asked again this shortly before the end: an answer that is cut off says nothing.
LAST_TRY_SECONDS = 5.0
# How long a command that should have ended may go on printing.
SETTLE_SECONDS = 0.4
# Progress bars are no output.
BAR = re.compile(r"^.*━.*\n?", re.MULTILINE)
# Asks only, so it may be asked again: what was posted a moment ago is not in the archive yet.
ASKS = re.compile(
    r"(?!.*(-X|-d |--data|>))(curl|redis-cli|live|psql|modepulse (verify|status|inspect|keys list|redis-cli|psql))\b"
)


class Terminal:
    """bash in `folder`, with the variables of `environment`. `replaced`: text of commands -> what is run instead."""

    def __init__(self, folder: Path, environment: Mapping[str, str], replaced: Mapping[str, str]) -> None:
        self._folder = folder
        self._scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix="terminal-"))
        # A terminal shows no progress of curl.
        (self._scratch / ".curlrc").write_text("silent\nshow-error\n")
        self._replaced = dict(replaced)
        self._count = 0
        self._shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=folder,
            env={**environment, "CURL_HOME": str(self._scratch), "COLUMNS": "200"},
            text=True,
            stdin=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=child_setup(signal.SIGKILL),
        )

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self._signal_all(signal.SIGTERM)
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        try:
            self._shell.wait(40)
        except subprocess.TimeoutExpired:
            self._signal_all(signal.SIGKILL)
            self._shell.wait()

    def _signal_all(self, number: int) -> None:
        for pid in self._processes():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def _processes(self, but: int = 0) -> list[int]:
        """The shell and what it has started itself, those last."""
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self._shell.pid)], capture_output=True, text=True)
        children = [int(pid) for pid in listed.stdout.split()]
        return [pid for pid in [*children, self._shell.pid] if pid != but]

    def run(self, step: Step, seconds: float = SECONDS) -> None:
        """Fails unless the command prints what the document says."""
        # What stays may print more at any moment.
        expected = ExpectedOutput(step.output, more=step.stays)
        deadline = time.monotonic() + seconds
        while True:
            printed = self._run_once(step, expected, deadline)
            if expected.fits(printed):
                self._replaced.update(expected.names)
                return
            again = ASKS.match(step.command) and time.monotonic() < deadline - LAST_TRY_SECONDS
            assert again, f"line {step.line}: {step.command}\nprinted:\n{printed}\nis to print:\n" + "\n".join(
                step.output
            )
            time.sleep(0.1)

    def _run_once(self, step: Step, expected: ExpectedOutput, deadline: float) -> str:
        """What the command has printed when it ended, or when it was ended because that was all."""
        self._count += 1
        script, output, code = (self._scratch / f"{self._count}.{name}" for name in ("sh", "out", "code"))
        script.write_text(self._completed(step.command) + (" &\n" if step.stays else "\n"))
        assert self._shell.stdin is not None
        self._shell.stdin.write(f". {script} >{output} 2>&1 </dev/null; echo $? >{code}\n")
        self._shell.stdin.flush()
        printed = ""
        printed = ""
        while time.monotonic() < deadline:
            time.sleep(0.02)
            ended = code.exists() and code.read_text().endswith("\n")
            printed = BAR.sub("", output.read_text(errors="replace")) if output.exists() else ""
            if ended and not step.stays:
                return printed
            if expected.lines and expected.fits(printed) and (step.stays or self._settles(output, code)):
                if not step.stays:
                    self._interrupt(code)
                return printed
        self._interrupt(code)
        return printed

    def _settles(self, output: Path, code: Path) -> bool:
        """Whether a command goes on without printing more."""
        size = output.stat().st_size
        time.sleep(SETTLE_SECONDS)
        return not code.exists() and output.stat().st_size == size

    def _interrupt(self, code: Path) -> None:
        """Ends what runs in the foreground."""
        newest = self._processes(but=self._shell.pid)[-1:]
        for pid in newest:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 10
        while not code.exists() and time.monotonic() < deadline:
            time.sleep(0.02)

    def _completed(self, command: str) -> str:
        for before, after in sorted(self._replaced.items(), key=lambda pair: -len(pair[0])):
            command = command.replace(before, after)
        return command
