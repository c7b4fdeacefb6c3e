"""A histogram of plain numbers: cheap where something is measured, turned into a metric only when it is asked for."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from prometheus_client.core import HistogramMetricFamily

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds for what takes from half a millisecond to ten seconds."""


class Histogram:
    """Counts values by `bounds`, their upper limits; the last count is of those beyond all. Code that runs for every
    request may do by itself what `observe` does."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Counts a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


def add_histograms(family: HistogramMetricFamily, labels: Sequence[str], histograms: Iterable[Histogram]) -> None:
    """Adds the sum of histograms with the same bounds to a metric."""
    parts = list(histograms)
    buckets: list[tuple[str, float]] = []
    below = 0
    for index, bound in enumerate((*map(float, parts[0].bounds), "+Inf")):
        below += sum(part.counts[index] for part in parts)
        buckets.append((str(bound), below))
    family.add_metric(labels, buckets, sum(part.sum for part in parts))
