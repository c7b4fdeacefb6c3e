"""A run of all comparisons: on which settings, how often, how long."""

from dataclasses import dataclass
from statistics import median_high

from bench.archiver_writes import compare_writes
from bench.comparisons import Comparisons
from bench.load import Sample
from bench.report import Report
from bench.scale import ScaleResult, Size, measure_scale
from bench.scratch_servers import scratch_servers
from bench.sustained_rate import highest_sustained_rate
from bench.targets import ARCHIVE, SCALE, SUSTAINED, TARGETS, TargetResult


@dataclass(frozen=True)
class Extent:
    """How much a run measures."""

    appendfsync: tuple[str, ...]  # settings of Redis
    rounds: int  # samples of each side
    seconds: float  # a sample
    batches: int  # of the archiver, a round
    sustained_seconds: float
    sizes: tuple[Size, ...]  # the first and the last are compared


FULL = Extent(
    appendfsync=("always", "everysec"),
    rounds=5,
    seconds=2.0,
    batches=10,
    sustained_seconds=60,
    sizes=(
        Size(10_000, 100), Size(1_000_000, 100), Size(1_000_000, 100_000), Size(1_000_000, 100, 5),
        Size(1_000_000, 100, 500), Size(10_000_000, 100),
    ),
)  # fmt: skip
QUICK = Extent(
    appendfsync=("always",),
    rounds=2,
    seconds=1.0,
    batches=4,
    sustained_seconds=5,
    sizes=(Size(10_000, 100), Size(200_000, 100)),
)


class Run:
    """Measures everything once, one thing after the other; prints the name of each as it starts."""

    def __init__(self, extent: Extent) -> None:
        self._extent = extent

    def measure(self) -> Report:
        """Raises LoadFailed when a server refuses what it is sent."""
        samples = {setting: self._compare(setting) for setting in self._extent.appendfsync}
        results = [target.evaluate(samples[setting], setting) for target in TARGETS for setting in samples]
        results.append(self._archiver_writes())
        results.append(self._sustained_rate(samples["always"]["batches"]["modepulse"]))
        scales = [self._scale(size) for size in self._extent.sizes]
        growth = {"scale": {"fewest": [scales[0].posts], "most": [scales[-1].posts]}}
        results.append(SCALE.evaluate(growth, "always"))
        return Report(self._extent.rounds, self._extent.seconds, results, samples, scales)

    def _compare(self, setting: str) -> dict[str, dict[str, list[Sample]]]:
        """By comparison and side, the samples of all rounds."""
        samples: dict[str, dict[str, list[Sample]]] = {}
        with scratch_servers() as servers:
            servers.redis.config_set("appendfsync", setting)
            servers.start_api()
            key_header = servers.start_guarded()
            servers.start_hello()
            servers.start_webdis()
            for name, sides in Comparisons(servers, self._extent.seconds, key_header).sides.items():
                print(f"{setting}: {name}", flush=True)
                samples[name] = {side: [] for side in sides}
                for _ in range(self._extent.rounds):
                    for side, run in sides.items():
                        samples[name][side].append(run())
        return samples

    def _archiver_writes(self) -> TargetResult:
        print("archive", flush=True)
        return ARCHIVE.evaluate({"archive": compare_writes(self._extent.rounds, self._extent.batches)})

    def _sustained_rate(self, posts: list[Sample]) -> TargetResult:
        """`posts`: the samples of POST without an archiver."""
        print("sustained", flush=True)
        first = SUSTAINED.limit * median_high(sample.rate for sample in posts)
        rate = highest_sustained_rate(first, self._extent.sustained_seconds)
        sides = {"modepulse": [Sample(rate)] * len(posts), "first row": posts}
        return SUSTAINED.evaluate({"sustained": sides}, "always")

    def _scale(self, size: Size) -> ScaleResult:
        print(f"scale: {size}", flush=True)
        with scratch_servers() as servers:
            servers.start_api()
            return measure_scale(servers, size, self._extent.seconds)
