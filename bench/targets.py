"""The targets: what each ratio of Modepulse to what would replace it has to be.

Ratios are taken round by round; their median counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from bench.load import Sample

Figure = Callable[[Sample], float]
# By comparison and side, a sample for each round.
Samples = Mapping[str, Mapping[str, list[Sample]]]


def rate(sample: Sample) -> float:
    """Units a second."""
    return sample.rate


def p50(sample: Sample) -> float:
    """ms a request."""
    return sample.p50


def p99(sample: Sample) -> float:
    """ms a request."""
    return sample.p99


def cpu(process: str) -> Figure:
    """Microseconds a unit that the named process used."""
    return lambda sample: sample.cpu[process]


@dataclass(frozen=True)
class Target:
    """The limit of `ours` / `theirs`, two sides of a comparison.

    `at_most`: the figure is a cost, and the ratio must not exceed the limit; otherwise it must reach it.
    """

    title: str
    unit: str
    comparison: str
    ours: str
    theirs: str
    figure: Figure
    limit: float
    at_most: bool = True

    def evaluate(self, samples: Samples, appendfsync: str = "") -> "TargetResult":
        """Compares samples that were taken with this setting of Redis; empty where no Redis takes part."""
        sides = samples[self.comparison]
        ours = [self.figure(sample) for sample in sides[self.ours]]
        theirs = [self.figure(sample) for sample in sides[self.theirs]]
        return TargetResult(self, appendfsync, ours, theirs)


@dataclass(frozen=True)
class TargetResult:
    """The two sides' figures, one of each a round."""

    target: Target
    appendfsync: str
    ours: list[float]
    theirs: list[float]

    @property
    def ratios(self) -> list[float]:
        """One a round."""
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        """The median."""
        return median(self.ratios)

    @property
    def reached(self) -> bool:
        """Whether the median is within the limit."""
        return self.ratio <= self.target.limit if self.target.at_most else self.ratio >= self.target.limit


TARGETS = [
    Target(
        "POST of 500 events, 8 connections / minimal script, redis-benchmark -P 16", "events/s",
        "batches", "modepulse", "minimal script", rate, 1.0, at_most=False,
    ),
    Target(
        "POST of one event, 64 connections: CPU of the API / hello world", "us a request",
        "single events", "modepulse", "hello", cpu("api"), 1.6,
    ),
    Target(
        "POST of one event, 64 connections / webdis EVALSHA", "requests/s",
        "single events", "modepulse", "webdis", rate, 0.4, at_most=False,
    ),
    Target(
        "GET /stats, 64 connections: CPU of the API / hello world", "us a request",
        "reads", "modepulse", "hello", cpu("api"), 1.4,
    ),
    Target(
        "GET /stats, 64 connections / webdis ZREVRANGE", "requests/s",
        "reads", "modepulse", "webdis", rate, 0.4, at_most=False,
    ),
    Target(
        "POST of one event, 64 connections: CPU of the API with a key and limits / without", "us a request",
        "single events", "with a key", "modepulse", cpu("api"), 1.05,
    ),
    Target(
        "GET /stats, 64 connections: CPU of the API with a key and limits / without", "us a request",
        "reads", "with a key", "modepulse", cpu("api"), 1.05,
    ),
    Target("GET /stats, one connection, p50 / webdis", "ms", "one reader", "modepulse", "webdis", p50, 2.0),
    Target("GET /stats, one connection, p99 / webdis", "ms", "one reader", "modepulse", "webdis", p99, 2.0),
    Target(
        "GET /stats, one connection, p99 while 20,000 events/s are posted / idle", "ms",
        "one reader", "under load", "modepulse", p99, 2.0,
    ),
    Target(
        "Redis CPU an event, 100 a call / minimal script, redis-benchmark -P 16", "us an event",
        "script", "modepulse", "minimal script", cpu("redis"), 1.0,
    ),
]  # fmt: skip
ARCHIVE = Target(
    "Archiver / COPY of the same rows into the same table", "rows/s",
    "archive", "modepulse", "COPY", rate, 0.7, at_most=False,
)  # fmt: skip
SUSTAINED = Target(
    "Highest POST rate with the archiver less than 2 s behind / POST of 500 events", "events/s",
    "sustained", "modepulse", "first row", rate, 0.35, at_most=False,
)  # fmt: skip
SCALE = Target(
    "CPU of API and Redis an event, most sessions / 10,000", "us an event",
    "scale", "most", "fewest", lambda sample: sample.cpu["api"] + sample.cpu["redis"], 1.2,
)  # fmt: skip
