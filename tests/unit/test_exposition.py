"""Plain numbers as Prometheus's text."""

import asyncio

import pytest
from prometheus_client import generate_latest
from prometheus_client.core import CollectorRegistry, CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from app.exposition.histogram import Histogram, add_histograms
from app.exposition.text import SLICE_SAMPLES, Exposition


def samples(*histograms: Histogram) -> dict[str, float]:
    family = HistogramMetricFamily("h_seconds", "Some.")
    add_histograms(family, [], histograms)
    return {sample.labels.get("le", sample.name): sample.value for sample in family.samples}


def test_a_value_counts_in_every_bucket_that_it_fits_into() -> None:
    histogram = Histogram((1, 2.5))
    for value in (0.5, 1, 2, 2.5, 99):
        histogram.observe(value)
    assert samples(histogram) == {"1.0": 2, "2.5": 4, "+Inf": 5, "h_seconds_count": 5, "h_seconds_sum": 105}


def test_histograms_are_added_up() -> None:
    one, other = Histogram((1,)), Histogram((1,))
    one.observe(1)
    other.observe(2)
    assert samples(one, other) == {"1.0": 1, "+Inf": 2, "h_seconds_count": 2, "h_seconds_sum": 3}


def large() -> Metric:
    family = CounterMetricFamily("things", 'Of "many" kinds,\nin \\ lines.', labels=["kind"])
    for number in range(3 * SLICE_SAMPLES + 1):
        family.add_metric([f'k{number}\n# "\\'], number)
    return family


class Whole:
    def __init__(self, metric: Metric) -> None:
        self.metric = metric

    def collect(self) -> list[Metric]:
        return [self.metric]


async def test_text_in_pieces_is_the_text_as_a_whole() -> None:
    async def collect() -> list[Metric]:
        return [large()]

    registry = CollectorRegistry()
    registry.register(Whole(large()))
    text = await Exposition("test", collect).text()
    assert generate_latest(registry) in text
    assert b'modepulse_build_info{process="test",' in text
    assert b"process_start_time_seconds" in text


async def test_other_tasks_have_their_turn_while_it_is_written() -> None:
    turns = 0

    async def collect() -> list[Metric]:
        return [large()]

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await Exposition("test", collect).text()
    counting.cancel()
    assert turns > 4


@pytest.mark.parametrize("number", [1, 20])
async def test_whoever_asks_gets_figures_no_older_than_the_question(number: int) -> None:
    collected = 0

    async def collect() -> list[Metric]:
        nonlocal collected
        collected += 1
        return [CounterMetricFamily("collected", "How often.", value=collected)]

    exposition = Exposition("test", collect)
    first = asyncio.create_task(exposition.text())
    await asyncio.sleep(0)
    later = await asyncio.gather(*(exposition.text() for _ in range(number)))
    assert b"collected_total 1.0" in await first
    assert all(b"collected_total 2.0" in text for text in later)
    assert collected == 2, "those who waited share a text"
