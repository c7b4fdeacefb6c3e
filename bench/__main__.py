"""`python -m bench [--quick]`; scripts/bench looks first whether what it needs is there."""

import argparse
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from bench import history, listeners, report
from bench.archive import store_and_copy, sustained
from bench.contests import Contests
from bench.load import Sample
from bench.marks import ARCHIVE, MARKS, SCALE, SUSTAINED, Measured
from bench.scale import Measured as Scaled
from bench.scale import Size
from bench.scale import measure as measure_scale
from bench.scratch import Scratch
from modepulse.launcher.redis_server import redis_binary

HERE = Path(__file__).parent

SIZES = [
    Size(10_000, 100), Size(1_000_000, 100), Size(1_000_000, 100_000), Size(1_000_000, 100, 5),
    Size(1_000_000, 100, 500), Size(10_000_000, 100),
]  # fmt: skip
QUICK_SIZES = [Size(10_000, 100), Size(200_000, 100)]


def run_contests(binary: Path, setting: str, rounds: int, seconds: float) -> dict[str, dict[str, list[Sample]]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        scratch = Scratch(binary, folder, stack)
        scratch.redis.config_set("appendfsync", setting)
        scratch.empty()
        scratch.start_api()
        scratch.start_hello()
        scratch.start_webdis()
        contests = Contests(scratch, folder, seconds)
        samples: dict[str, dict[str, list[Sample]]] = {}
        for name, sides in contests.all.items():
            print(f"{setting}: {name}", flush=True)
            for _ in range(rounds):
                for side, run in sides.items():
                    samples.setdefault(name, {}).setdefault(side, []).append(run())
        return samples


def run_scale(binary: Path, sizes: list[Size], seconds: float) -> list[Scaled]:
    found = []
    for size in sizes:
        print(f"scale: {size}", flush=True)
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            scratch = Scratch(binary, folder, stack)
            scratch.empty()
            scratch.start_api()
            found.append(measure_scale(scratch, folder, size, seconds))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measures Modepulse beside what would replace it."
    )
    parser.add_argument("--quick", action="store_true", help="less than two minutes; does not replace bench/latest.*")
    parser.add_argument("--history", nargs="?", type=int, const=10_000_000, metavar="EVENTS", help="docs/history.md")
    parser.add_argument("--listeners", nargs="?", type=int, const=2000, metavar="N", help="of GET /stats/stream")
    arguments = parser.parse_args()
    if arguments.listeners:
        listeners.main(arguments.listeners)
        return
    if arguments.history:
        history.main(arguments.history)
        return
    quick = arguments.quick
    rounds, seconds = (2, 1.0) if quick else (5, 2.0)
    binary = redis_binary("redis-server")

    all_samples = {
        setting: run_contests(binary, setting, rounds, seconds)
        for setting in ("always", "everysec")[: 1 if quick else 2]
    }
    marks: list[tuple[str, Measured]] = [
        (setting, mark.measured(samples)) for mark in MARKS for setting, samples in all_samples.items()
    ]
    with tempfile.TemporaryDirectory() as folder:
        print("archive", flush=True)
        archive = store_and_copy(Path(folder), rounds, 4 if quick else 10)
        marks.append(("", ARCHIVE.measured({"archive": archive})))
        post_rates = [s.rate for s in all_samples["always"]["batches"]["modepulse"]]
        print("sustained", flush=True)
        rate = sustained(Path(folder), binary, 0.35 * sorted(post_rates)[len(post_rates) // 2], 5 if quick else 60)
        both = {"modepulse": [Sample(rate)] * rounds, "first row": [Sample(r) for r in post_rates]}
        marks.append(("always", SUSTAINED.measured({"sustained": both})))
    scaled = run_scale(binary, QUICK_SIZES if quick else SIZES, seconds)
    scale = {"fewest": [scaled[0].posts], "most": [scaled[-1].posts]}
    marks.append(("always", SCALE.measured({"scale": scale})))

    table = [report.MARKS_HEAD, *(report.mark_line(setting, measured) for setting, measured in marks)]
    table += ["", report.SAMPLES_HEAD]
    table += [
        report.sample_line(setting, contest, side, samples)
        for setting, contests in all_samples.items()
        for contest, sides in contests.items()
        for side, samples in sides.items()
    ]
    table += ["", report.SCALE_HEAD, *(report.scale_line(one) for one in scaled)]
    print("\n".join(table))
    facts = {
        "machine": report.machine(),
        "rounds": rounds,
        "seconds": seconds,
        "marks": [report.mark_facts(setting, measured) for setting, measured in marks],
        "samples": {
            setting: {
                name: {side: [asdict(sample) for sample in runs] for side, runs in sides.items()}
                for name, sides in contests.items()
            }
            for setting, contests in all_samples.items()
        },
        "scale": [asdict(one) for one in scaled],
    }
    if not quick:
        report.write(HERE, facts, table, marks)
        print(f"written: {HERE}/latest.json, latest.md, marks.svg")


if __name__ == "__main__":
    main()
