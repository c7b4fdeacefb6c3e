"""What an API process shows to Prometheus. docs/metrics.md says what each figure means."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from app.contract.outcome import POSTED_KINDS, Outcome
from app.errors import Problem, Unavailable
from app.exposition.histogram import add_histograms
from app.live.broadcast import Hub
from app.live.call_metrics import CallMetrics
from app.live.group_commit import GroupCommit
from app.live.keyring import Keyring
from app.live.monitor import RedisMonitor
from app.live.multiplexer import Multiplexer
from app.live.stats_reader import Subscription
from app.request_metrics import RequestMetrics

# A scrape does not wait for a Redis that does not answer.
SESSIONS_SECONDS = 0.5

_KINDS = {kind.value: kind.value for kind in POSTED_KINDS}
_OUTCOMES = {outcome.letter: outcome.value for outcome in Outcome}
OTHER = "other"


@dataclass(frozen=True)
class ApiMetrics:
    """Collects the figures of a process's parts, which count for themselves."""

    requests: RequestMetrics
    calls: Sequence[CallMetrics]
    group_commits: Sequence[GroupCommit]
    queue_events: int
    """The most that may wait in one group commit."""
    reads: Multiplexer
    writes: Sequence[Multiplexer]
    monitor: RedisMonitor
    keyring: Keyring
    hub: Hub[Subscription]
    read_sessions: Callable[[], Awaitable[int]]
    """How many sessions are active, in all partitions. Raises Unavailable."""

    async def collect(self) -> list[Metric]:
        """All of them. What is Redis's to say is left out while it does not answer, rather than shown as it was."""
        figures = [*self._of_requests(), *self._of_events(), *self._of_process()]
        if self.monitor.closed != "redis_unavailable":
            figures += [*self._of_redis(), *await self._sessions()]
        return figures

    def _of_requests(self) -> Iterator[Metric]:
        labels = ["method", "route", "status"]
        total = CounterMetricFamily("modepulse_http_requests", "Requests that were answered.", labels=labels)
        seconds = HistogramMetricFamily(
            "modepulse_http_request_duration_seconds",
            "Time from a request's headers to the start of its answer.",
            labels=labels,
        )
        for (method, route, status), histogram in sorted(self.requests.by_kind.items()):
            values = [method, route, str(status)]
            total.add_metric(values, sum(histogram.counts))
            add_histograms(seconds, values, [histogram])
        refusals = CounterMetricFamily(
            "modepulse_refusals",
            "Requests and connections that were refused, by the code of the error.",
            labels=["code"],
        )
        answered = Problem.answered
        for code in sorted({*self.requests.codes, *answered}):
            refusals.add_metric([code], answered[code])
        yield from (total, seconds, refusals)

    def _of_events(self) -> Iterator[Metric]:
        events = CounterMetricFamily(
            "modepulse_events", "Events that were answered, by what became of them.", labels=["kind", "outcome"]
        )
        counts: Counter[tuple[str, str]] = Counter()
        for call in self.calls:
            for (kind, letter), count in list(call.events.items()):
                counts[_KINDS.get(kind, OTHER), _OUTCOMES.get(letter, OTHER)] += count
        for kind in POSTED_KINDS:
            counts[kind.value, Outcome.APPLIED.value] += 0
        for labels, count in sorted(counts.items()):
            events.add_metric(labels, count)
        size = HistogramMetricFamily("modepulse_group_events", "Events of one script call.")
        add_histograms(size, [], [call.group_events for call in self.calls])
        seconds = HistogramMetricFamily(
            "modepulse_script_call_duration_seconds", "Time of a script call that was answered, at the process."
        )
        add_histograms(seconds, [], [call.seconds for call in self.calls])
        yield from (events, size, seconds)

    def _of_process(self) -> Iterator[Metric]:
        monitor = self.monitor
        waiting = sum(group_commit.waiting for group_commit in self.group_commits)
        yield _gauge("modepulse_queue_events", "Events taken and not answered yet.", waiting)
        limit = self.queue_events * len(self.group_commits)
        yield _gauge("modepulse_queue_limit_events", "The most events that may wait; beyond it POST gets 503.", limit)
        yield _gauge("modepulse_listeners", "Open streams of GET /stats/stream.", self.hub.listeners)
        ready = monitor.closed is None and self.keyring.known
        yield _gauge("modepulse_ready", "1 while events are taken, as GET /readyz says.", ready)
        redis_up = monitor.closed != "redis_unavailable"
        yield _gauge("modepulse_redis_up", "1 while Redis answers this process.", redis_up)
        full = any(group_commit.memory_full for group_commit in self.group_commits)
        yield _gauge("modepulse_redis_full", "1 while POST gets 503 because Redis is nearly full.", full)
        reconnects = CounterMetricFamily(
            "modepulse_redis_reconnects", "Connections to Redis made after a loss.", labels=["connection"]
        )
        for name, links in (("read", [self.reads]), ("write", self.writes)):
            reconnects.add_metric([name], sum(max(0, link.connects - 1) for link in links))
        yield reconnects
        round_trip = HistogramMetricFamily(
            "modepulse_redis_round_trip_seconds", "Time of one small question to Redis, asked once a second."
        )
        add_histograms(round_trip, [], [monitor.round_trips])
        yield round_trip

    def _of_redis(self) -> Iterator[Metric]:
        monitor = self.monitor
        if monitor.degraded is not None:
            degraded = bool(monitor.degraded)
            yield _gauge("modepulse_durability_degraded", "1 while Redis keeps less than is promised.", degraded)
        used, most = monitor.memory
        yield _gauge("modepulse_redis_memory_used_bytes", "What Redis has in use.", used)
        if most:
            yield _gauge("modepulse_redis_memory_limit_bytes", "Redis's maxmemory.", most)
            yield _gauge(
                "modepulse_redis_memory_ratio", "The share of its maxmemory that Redis has in use.", used / most
            )
        yield _gauge("modepulse_log_entries", "Entries of the log in Redis, archived or not.", monitor.logs.entries)
        lag, waiting = monitor.metrics.archive_lag_seconds, monitor.logs.waiting
        yield _gauge("modepulse_archive_lag_seconds", "Age of the oldest event that is not in Postgres.", lag)
        yield _gauge("modepulse_archive_lag_events", "Events that are not in Postgres; many are estimated.", waiting)

    async def _sessions(self) -> list[Metric]:
        try:
            async with asyncio.timeout(SESSIONS_SECONDS):
                sessions = await self.read_sessions()
        except (TimeoutError, Unavailable):
            return []
        return [_gauge("modepulse_sessions", "Active sessions, the sum of all counters.", sessions)]


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(name, documentation, value=value)
