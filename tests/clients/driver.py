"""A client in a process of its own, which does what it is asked by lines of JSON, and answers each with one."""

import json
import os
import subprocess
from collections.abc import Sequence
from typing import Any


class Driver:
    """Options are named as in Python; each program renames them."""

    def __init__(self, command: Sequence[str], url: str, key: str = "", **options: Any) -> None:
        self.process = subprocess.Popen(
            [*command, json.dumps({"url": url, "key": key, "options": options})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"NODE_NO_WARNINGS": "1"},
        )

    def do(self, what: str, *arguments: Any) -> Any:
        """The answer; a string `error: ...` where the call failed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([what, *arguments]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the driver ended with {self.process.wait(5)}"
        return json.loads(line)

    def log_in(self, user: str, area: int | str, mode: str = "duel", at: float | None = None) -> Any:
        return self.do("login", user, area, mode, at)

    def log_out(self, user: str, area: int | str, mode: str = "duel") -> Any:
        return self.do("logout", user, area, mode, None)

    @property
    def totals(self) -> dict[str, int]:
        totals: dict[str, int] = self.do("totals")
        return totals

    @property
    def losses(self) -> dict[str, int]:
        """code -> events lost so far."""
        lost: dict[str, int] = self.do("losses")
        return lost

    def leave(self, seconds: float = 20) -> int:
        """Ends the program without a word to the client; its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(seconds)

    def __enter__(self) -> "Driver":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()
