"""CPU and memory of a process, from /proc."""

import os
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """CPU seconds used so far: user and system, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def resident_kilobytes(pid: int) -> int:
    """Memory in use now, in kB."""
    return _status_kilobytes(pid, "VmRSS")


def peak_kilobytes(pid: int) -> int:
    """The most memory that was in use at any time so far, in kB."""
    return _status_kilobytes(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """From now on peak_kilobytes() is the most since now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status_kilobytes(pid: int, field: str) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().partition(f"{field}:")[2].split()[0])
