"""The machine and the versions that figures were taken with."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """Time (UTC), commit, cores, CPU model, versions of kernel, Python and Redis; empty where unknown."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line for line in lines if line.startswith("model name")), "")
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _first_line("git", "rev-parse", "--short", "HEAD"),
        "cores": os.cpu_count(),
        "cpu": model.partition(": ")[2],
        "kernel": platform.release(),
        "python": platform.python_version(),
        "redis": _first_line("redis-server", "--version"),
    }


def _first_line(*command: str) -> str:
    """Of what the command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.partition("\n")[0]
