"""What a run measured: as tables for people and as facts for programs."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.load import Sample
from bench.machine import machine
from bench.plot import plot_targets
from bench.scale import ScaleResult
from bench.targets import Samples, TargetResult

TARGETS_HEAD = (
    "| row | appendfsync | Modepulse: median (min to max) | against | unit | ratio | target | |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)
SAMPLES_HEAD = (
    "| comparison | appendfsync | side | rate/s | CPU, us a unit | p50 ms | p99 ms |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)
SCALES_HEAD = (
    "| sessions | areas | modes | POST events/s | API + Redis, us an event | GET/s | API + Redis, us a read "
    "| bytes a session | Redis memory |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


@dataclass(frozen=True)
class Report:
    """The figures of a run; `seconds` a sample, `samples` by the setting of appendfsync."""

    rounds: int
    seconds: float
    results: list[TargetResult]
    samples: Mapping[str, Samples]
    scales: list[ScaleResult]

    def tables(self) -> str:
        """Three tables in Markdown: the targets, the sides of all comparisons, the sizes."""
        lines = [TARGETS_HEAD, *map(_target_line, self.results), "", SAMPLES_HEAD]
        lines += [
            _sample_line(setting, comparison, side, samples)
            for setting, comparisons in self.samples.items()
            for comparison, sides in comparisons.items()
            for side, samples in sides.items()
        ]
        lines += ["", SCALES_HEAD, *map(_scale_line, self.scales)]
        return "\n".join(lines)

    def facts(self) -> dict[str, Any]:
        """Every sample and the machine it was taken on, ready for JSON."""
        return {
            "machine": machine(),
            "rounds": self.rounds,
            "seconds": self.seconds,
            "targets": [_target_facts(result) for result in self.results],
            "samples": {
                setting: {
                    comparison: {side: [asdict(sample) for sample in samples] for side, samples in sides.items()}
                    for comparison, sides in comparisons.items()
                }
                for setting, comparisons in self.samples.items()
            },
            "scale": [asdict(scale) for scale in self.scales],
        }

    def write(self, folder: Path) -> None:
        """Replaces latest.json, latest.md and targets.svg."""
        folder.joinpath("latest.json").write_text(json.dumps(self.facts(), indent=1) + "\n")
        folder.joinpath("latest.md").write_text(self.tables() + "\n")
        plot_targets(folder / "targets.svg", self.results)


def _target_line(result: TargetResult) -> str:
    target = result.target
    sign = "<=" if target.at_most else ">="
    return (
        f"| {target.title} | {result.appendfsync} | {_spread(result.ours)} | {_spread(result.theirs)} | {target.unit} "
        f"| {result.ratio:.2f} ({min(result.ratios):.2f} to {max(result.ratios):.2f}) "
        f"| {sign} {target.limit} | {'reached' if result.reached else 'MISSED'} |"
    )


def _target_facts(result: TargetResult) -> dict[str, Any]:
    target = result.target
    return {
        "row": target.title,
        "appendfsync": result.appendfsync,
        "unit": target.unit,
        "modepulse": result.ours,
        "against": result.theirs,
        "ratio": result.ratio,
        "target": target.limit,
        "at_most": target.at_most,
        "reached": result.reached,
    }


def _sample_line(setting: str, comparison: str, side: str, samples: list[Sample]) -> str:
    cpu = ", ".join(f"{name} {median(s.cpu[name] for s in samples):.2f}" for name in samples[0].cpu)
    p50, p99 = median(s.p50 for s in samples), median(s.p99 for s in samples)
    latency = f"{p50:.3f} | {p99:.3f}" if p50 else "|"
    return f"| {comparison} | {setting} | {side} | {_spread([s.rate for s in samples])} | {cpu} | {latency} |"


def _scale_line(scale: ScaleResult) -> str:
    size, posts, reads = scale.size, scale.posts, scale.reads
    return (
        f"| {size.sessions:,} | {size.areas:,} | {size.modes} "
        f"| {posts.rate:,.0f} | {posts.cpu['api']:.2f} + {posts.cpu['redis']:.2f} "
        f"| {reads.rate:,.0f} | {reads.cpu['api']:.1f} + {reads.cpu['redis']:.1f} "
        f"| {scale.bytes_a_session:.0f} | {scale.used_memory / 1e9:.2f} GB |"
    )


def _spread(values: list[float]) -> str:
    """Median (min to max)."""
    return f"{_number(median(values))} ({_number(min(values))} to {_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
