"""What was measured, as a table for people, a file for programs and a picture."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench.load import Sample
from bench.marks import Measured
from bench.scale import Measured as Scaled


def machine() -> dict[str, Any]:
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
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
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.partition("\n")[0]


def mark_line(setting: str, measured: Measured) -> str:
    mark = measured.mark
    verdict = "reached" if measured.reached else "MISSED"
    sign = "<=" if mark.at_most else ">="
    return (
        f"| {mark.title} | {setting} | {_spread(measured.ours)} | {_spread(measured.theirs)} | {mark.unit} "
        f"| {measured.ratio:.2f} ({min(measured.ratios):.2f} to {max(measured.ratios):.2f}) "
        f"| {sign} {mark.limit} | {verdict} |"
    )


def mark_facts(setting: str, measured: Measured) -> dict[str, Any]:
    mark = measured.mark
    return {
        "row": mark.title,
        "appendfsync": setting,
        "unit": mark.unit,
        "modepulse": measured.ours,
        "against": measured.theirs,
        "ratio": measured.ratio,
        "mark": mark.limit,
        "at_most": mark.at_most,
        "reached": measured.reached,
    }


def _spread(values: list[float]) -> str:
    return f"{_number(median(values))} ({_number(min(values))} to {_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


MARKS_HEAD = (
    "| row | appendfsync | Modepulse: median (min to max) | against | unit | ratio | mark | |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)
SAMPLES_HEAD = (
    "| contest | appendfsync | side | rate/s | CPU, us a unit | p50 ms | p99 ms |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)
SCALE_HEAD = (
    "| sessions | areas | modes | POST events/s | API + Redis, us an event | GET/s | API + Redis, us a read "
    "| bytes a session | Redis memory |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def sample_line(setting: str, contest: str, side: str, samples: list[Sample]) -> str:
    cpu = ", ".join(f"{name} {median(s.cpu[name] for s in samples):.2f}" for name in samples[0].cpu)
    p50, p99 = median(s.p50 for s in samples), median(s.p99 for s in samples)
    latency = f"{p50:.3f} | {p99:.3f}" if p50 else "|"
    return f"| {contest} | {setting} | {side} | {_spread([s.rate for s in samples])} | {cpu} | {latency} |"


def scale_line(scaled: Scaled) -> str:
    size, posts, reads = scaled.size, scaled.posts, scaled.reads
    return (
        f"| {size.sessions:,} | {size.areas:,} | {size.modes} "
        f"| {posts.rate:,.0f} | {posts.cpu['api']:.2f} + {posts.cpu['redis']:.2f} "
        f"| {reads.rate:,.0f} | {reads.cpu['api']:.1f} + {reads.cpu['redis']:.1f} "
        f"| {scaled.bytes_a_session:.0f} | {scaled.used_memory / 1e9:.2f} GB |"
    )


def write(folder: Path, facts: dict[str, Any], table: list[str], marks: list[tuple[str, Measured]]) -> None:
    """latest.json, latest.md and marks.svg."""
    folder.joinpath("latest.json").write_text(json.dumps(facts, indent=1) + "\n")
    folder.joinpath("latest.md").write_text("\n".join(table) + "\n")
    _plot(folder / "marks.svg", marks)


def _plot(path: Path, marks: list[tuple[str, Measured]]) -> None:
    """Every row's ratio on the scale of its mark: 1 is the mark, right of it is better."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "modepulse"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(11, 0.42 * len(marks) + 1.2))
    labels = []
    for place, (setting, measured) in enumerate(marks):
        mark = measured.mark
        share = [mark.limit / r if mark.at_most else r / mark.limit for r in measured.ratios]
        colour = "#2a7f62" if measured.reached else "#b3443c"
        axes.plot([min(share), max(share)], [place, place], color=colour, linewidth=2)
        axes.plot([median(share)], [place], "o", color=colour)
        labels.append(f"{mark.title} ({setting})" if setting else mark.title)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(marks)), labels, fontsize=7)
    axes.invert_yaxis()
    axes.set_xscale("log", base=2)
    axes.set_xlabel("how far beyond its mark (1 = the mark, to the right is better); median, min and max of the rounds")
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
