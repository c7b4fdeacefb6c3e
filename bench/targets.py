"""The marks: which figure of which sides has to be how large. Ratios are taken round by round, then their median."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from bench.load import Sample

Figure = Callable[[Sample], float]


def rate(sample: Sample) -> float:
    return sample.rate


def p50(sample: Sample) -> float:
    return sample.p50


def p99(sample: Sample) -> float:
    return sample.p99


def cpu(process: str) -> Figure:
    return lambda sample: sample.cpu[process]


@dataclass(frozen=True)
class Mark:
    """`at_most`: the ratio is a cost; otherwise it is to be at least the limit."""

    title: str
    unit: str
    contest: str
    ours: str
    theirs: str
    figure: Figure
    limit: float
    at_most: bool = True

    def measured(self, samples: dict[str, dict[str, list[Sample]]]) -> "Measured":
        ours, theirs = (
            [self.figure(sample) for sample in samples[self.contest][side]] for side in (self.ours, self.theirs)
        )
        return Measured(self, ours, theirs, [a / b for a, b in zip(ours, theirs, strict=True)])


@dataclass(frozen=True)
class Measured:
    mark: Mark
    ours: list[float]
    theirs: list[float]
    ratios: list[float]

    @property
    def ratio(self) -> float:
        return median(self.ratios)

    @property
    def reached(self) -> bool:
        return self.ratio <= self.mark.limit if self.mark.at_most else self.ratio >= self.mark.limit


MARKS = [
    Mark(
        "POST of 500 events, 8 connections / minimal script, redis-benchmark -P 16", "events/s",
        "batches", "modepulse", "minimal script", rate, 1.0, at_most=False,
    ),
    Mark(
        "POST of one event, 64 connections: CPU of the API / hello world", "us a request",
        "single events", "modepulse", "hello", cpu("api"), 1.6,
    ),
    Mark(
        "POST of one event, 64 connections / webdis EVALSHA", "requests/s",
        "single events", "modepulse", "webdis", rate, 0.4, at_most=False,
    ),
    Mark(
        "GET /stats, 64 connections: CPU of the API / hello world", "us a request",
        "reads", "modepulse", "hello", cpu("api"), 1.4,
    ),
    Mark(
        "GET /stats, 64 connections / webdis ZREVRANGE", "requests/s",
        "reads", "modepulse", "webdis", rate, 0.4, at_most=False,
    ),
    Mark("GET /stats, one connection, p50 / webdis", "ms", "one reader", "modepulse", "webdis", p50, 2.0),
    Mark("GET /stats, one connection, p99 / webdis", "ms", "one reader", "modepulse", "webdis", p99, 2.0),
    Mark(
        "GET /stats, one connection, p99 while 20,000 events/s are posted / idle", "ms",
        "one reader", "under load", "modepulse", p99, 2.0,
    ),
    Mark(
        "Redis CPU an event, 100 a call / minimal script, redis-benchmark -P 16", "us an event",
        "script", "modepulse", "minimal script", cpu("redis"), 1.0,
    ),
]  # fmt: skip
ARCHIVE = Mark(
    "Archiver / COPY of the same rows into the same table", "rows/s",
    "archive", "modepulse", "COPY", rate, 0.7, at_most=False,
)  # fmt: skip
SUSTAINED = Mark(
    "Highest POST rate with the archiver less than 2 s behind / POST of 500 events", "events/s",
    "sustained", "modepulse", "first row", rate, 0.35, at_most=False,
)  # fmt: skip
SCALE = Mark(
    "CPU of API and Redis an event, most sessions / 10,000", "us an event",
    "scale", "most", "fewest", lambda sample: sample.cpu["api"] + sample.cpu["redis"], 1.2,
)  # fmt: skip
