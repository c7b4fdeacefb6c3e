"""Prometheus's text format of a process's figures."""

import asyncio
import platform
from collections.abc import Awaitable, Callable, Iterable, Iterator
from importlib.metadata import version

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import CollectorRegistry, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
# Written in one go: about a millisecond, then requests have their turn.
SLICE_SAMPLES = 40


class Exposition:
    """Writes what `collect` returns, with what every process shows: its version, memory, time, files."""

    def __init__(self, process: str, collect: Callable[[], Awaitable[Iterable[Metric]]]) -> None:
        self._process = process
        self._collect = collect
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._writing = asyncio.Lock()
        self._started = 0.0
        self._text = b""

    async def text(self) -> bytes:
        """The figures as they are now; whoever asks while others wait shares their text."""
        clock = asyncio.get_running_loop().time
        asked = clock()
        async with self._writing:
            if self._started <= asked:
                self._started = clock()
                self._text = await _text_of([self._build_info(), *await self._collect(), *self._registry.collect()])
            return self._text

    def _build_info(self) -> Metric:
        build = GaugeMetricFamily(
            "modepulse_build_info",
            "What runs: always 1, with the release, the kind of process and the Python version as labels.",
            labels=["version", "process", "python"],
        )
        build.add_metric([version("modepulse"), self._process, platform.python_version()], 1)
        return build


async def _text_of(metrics: Iterable[Metric]) -> bytes:
    pieces = []
    for metric in metrics:
        for start in range(0, len(metric.samples), SLICE_SAMPLES):
            lines = generate_latest(_Part(metric, start))
            if start:  # the metric's help and type stand before its first samples only
                lines = b"".join(line for line in lines.splitlines(keepends=True) if not line.startswith(b"# "))
            pieces.append(lines)
            await asyncio.sleep(0)
    return b"".join(pieces)


class _Part(Collector):
    """Some samples of a metric."""

    def __init__(self, metric: Metric, start: int) -> None:
        self._metric = Metric(metric.name, metric.documentation, metric.type, metric.unit)
        self._metric.samples = metric.samples[start : start + SLICE_SAMPLES]

    def collect(self) -> Iterator[Metric]:
        """As the library asks for it."""
        yield self._metric
