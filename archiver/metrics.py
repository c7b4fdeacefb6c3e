"""What an archiver shows to Prometheus. docs/metrics.md says what each figure means."""

import time
from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from app.contract.outcome import EventKind, Outcome
from archiver.stored import Stored


class ArchiverMetrics:
    """Counts what one archiver does; `leads` says whether it is the one that works."""

    def __init__(self, leads: Callable[[], bool]) -> None:
        self._leads = leads
        self.stored = Stored()
        self.heals = 0
        self.healed_events = 0
        self.rebuilds = 0
        self.failures: Counter[str] = Counter()
        """By job, as the next two."""
        self.failing: set[str] = set()
        self.last_success: dict[str, float] = {}
        """Seconds since 1970."""

    def add_job(self, name: str) -> None:
        """Shows the job before it has ever run."""
        self.failures[name] += 0

    def succeeded(self, name: str) -> None:
        """Notes a run of a job. One that had nothing to do, as another archiver leads, is none."""
        if self._leads():
            self.last_success[name] = time.time()

    def healed(self, events: int) -> None:
        """Notes that a Redis that had lost events was given them back."""
        self.heals += 1
        self.healed_events += events

    async def collect(self) -> list[Metric]:
        """All figures."""
        return [*self._of_archive(), *self._of_jobs()]

    def _of_archive(self) -> Iterator[Metric]:
        events = CounterMetricFamily(
            "modepulse_archived_events", "Events that became rows of Postgres.", labels=["kind", "outcome"]
        )
        counts = self.stored.events + Counter()
        for kind in EventKind:
            events.add_metric([kind.value, Outcome.APPLIED.value], counts.pop((kind.value, Outcome.APPLIED.value), 0))
        for labels, count in sorted(counts.items()):
            events.add_metric(labels, count)
        yield events
        expired = self.stored.events[EventKind.EXPIRE.value, Outcome.APPLIED.value]
        yield _counter("modepulse_sessions_expired", "Sessions that ended for want of events, once archived.", expired)
        rejects = self.stored.rejects
        yield _counter("modepulse_archive_rejects", "What could not be stored and is kept in archive_rejects.", rejects)
        yield _counter(
            "modepulse_heals", "Times that Redis came back without archived events and got them.", self.heals
        )
        yield _counter("modepulse_healed_events", "Events that Redis was given back.", self.healed_events)
        yield _counter("modepulse_rebuilds", "Times that the live state was rebuilt from Postgres.", self.rebuilds)

    def _of_jobs(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("modepulse_archiver_leads", "1 in the archiver that works.", value=self._leads())
        success = GaugeMetricFamily(
            "modepulse_archiver_job_last_success_timestamp_seconds",
            "When the job last succeeded while this archiver led.",
            labels=["task"],
        )
        for name, at in sorted(self.last_success.items()):
            success.add_metric([name], at)
        failing = GaugeMetricFamily(
            "modepulse_archiver_job_failing", "1 while the job's last run has failed.", labels=["task"]
        )
        failures = CounterMetricFamily("modepulse_archiver_job_failures", "Runs that have failed.", labels=["task"])
        for name, count in sorted(self.failures.items()):
            failing.add_metric([name], name in self.failing)
            failures.add_metric([name], count)
        yield from (success, failing, failures)


def _counter(name: str, documentation: str, value: float) -> Metric:
    return CounterMetricFamily(name, documentation, value=value)
