"""The shipped alerts in Debian's Prometheus, beside the running service: what breaks is an alert within 15 s."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
import redis

from tests.conftest import BINARIES, SAME_ON_EVERY_SERVER
from tests.http_client import event
from tests.ports import unused_port
from tests.prometheus import NEEDS_PROMETHEUS, Prometheus, prometheus, scrape, value
from tests.servers import Stack, eventually, limit_memory, ready

pytestmark = [SAME_ON_EVERY_SERVER, NEEDS_PROMETHEUS]
# An alert waits before it fires; one death of each store and process is in every run.
LONG = pytest.mark.faults

# Within which an alert has to fire; and how long it may take the parts and the alert to be well again.
# On a machine that does nothing else it is 5 to 10 s at the shipped interval (docs/alerts.md).
SECONDS, WELL_SECONDS = 60, 60
# They stay for minutes after what they tell of, or are no fault.
LASTING = {"ModepulseRestarted", "ModepulseRedisLostEvents", "ModepulseEventsRefused", "ModepulseInternalErrors"}


class Watched:
    """A stack and a Prometheus that scrapes it."""

    def __init__(self, stack: Stack, prometheus: Prometheus) -> None:
        self.stack = stack
        self.prometheus = prometheus

    def fires(self, *alerts: str) -> None:
        """Waits until all of them do."""
        eventually(lambda: self.prometheus.firing() >= set(alerts) or None, SECONDS)

    def is_well(self) -> bool:
        return ready(self.stack) and not self.prometheus.firing() - LASTING

    @contextmanager
    def without(self, part: str, number: int = signal.SIGKILL) -> Iterator[None]:
        """Ends or stops a part; the launcher, which would start it again, is frozen meanwhile."""
        process = self.stack.process
        assert process is not None
        pid = self.stack.run["pids"][part]
        process.send_signal(signal.SIGSTOP)
        os.kill(pid, number)
        try:
            yield
        finally:
            if number == signal.SIGSTOP:
                os.kill(pid, signal.SIGCONT)
            process.send_signal(signal.SIGCONT)

    def post(self, user: str = "u") -> httpx2.Response:
        return httpx2.post(f"{self.stack.url}/events", json=event(1, user), timeout=15)

    def figures(self, process: str) -> Any:
        return scrape(self.stack.run["metrics"][process])


@pytest.fixture(scope="module")
def running(redis_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    port = str(unused_port())
    with Stack(folder / "data", redis_server=str(BINARIES[redis_name]), archiver_metrics_port=port) as stack:
        targets = {f"modepulse-{name}": urlsplit(url).netloc for name, url in stack.run["metrics"].items()}
        with prometheus(folder, targets) as server:
            yield Watched(stack, server)


@pytest.fixture
def watched(running: Watched) -> Iterator[Watched]:
    """All is well before and after."""
    eventually(running.is_well, WELL_SECONDS)
    eventually(lambda: running.prometheus.up() == {"modepulse-api": 1, "modepulse-archiver": 1}, WELL_SECONDS)
    yield running
    eventually(running.is_well, WELL_SECONDS)


def test_prometheus_reads_what_the_service_shows(watched: Watched) -> None:
    assert watched.post("someone").status_code == 200
    for query in (
        'modepulse_events_total{kind="LOGIN",outcome="applied"} >= 1',
        'modepulse_archived_events_total{kind="LOGIN",outcome="applied"} >= 1',
        'modepulse_http_request_duration_seconds_bucket{route="/events",status="200",le="+Inf"} >= 1',
        "modepulse_sessions >= 1",
        'count by (process) (modepulse_build_info{version!=""}) == 1',
    ):
        eventually(watched.prometheus.query, SECONDS, expression=query)


@pytest.mark.parametrize(
    "how", [signal.SIGKILL, *(pytest.param(how, marks=LONG) for how in (signal.SIGSTOP, signal.SIGTERM))]
)
@pytest.mark.parametrize(("part", "alert"), [("archiver", "ModepulseArchiverDown"), ("api", "ModepulseApiDown")])
def test_a_process_that_is_killed_stopped_or_frozen(
    watched: Watched, part: str, alert: str, how: signal.Signals
) -> None:
    with watched.without(part, how):
        watched.fires(alert)


@LONG
def test_a_process_that_was_started_again_at_once(watched: Watched) -> None:
    watched.stack.kill("archiver")
    watched.fires("ModepulseRestarted")


@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=LONG)])
def test_redis_away(watched: Watched, how: signal.Signals) -> None:
    assert watched.post().status_code == 200
    with watched.without("redis", how):
        assert watched.post().status_code == 503
        watched.fires("ModepulseRedisDown", "ModepulseEventsRefused", "ModepulseJobFailing")
        figures = watched.figures("api")
        assert value(figures, "modepulse_redis_up") == value(figures, "modepulse_ready") == 0
        assert "modepulse_sessions" not in figures, "what is not known is not shown"
        assert "modepulse_redis_memory_ratio" not in figures
    eventually(lambda: value(watched.figures("api"), "modepulse_redis_up"), WELL_SECONDS)
    if how == signal.SIGKILL:
        reconnects = "modepulse_redis_reconnects_total"
        eventually(lambda: watched.post().status_code == 200, WELL_SECONDS)
        assert value(watched.figures("api"), reconnects, connection="write") > 0


@LONG
def test_postgres_away(watched: Watched) -> None:
    with watched.without("postgres", signal.SIGINT):
        assert watched.post("while away").status_code == 200, "events are taken all the same"
        watched.fires("ModepulseNoLeader", "ModepulseJobFailing", "ModepulseArchiveBehind")
        assert value(watched.figures("archiver"), "modepulse_archiver_job_failing", task="lead") == 1
        eventually(lambda: value(watched.figures("api"), "modepulse_archive_lag_events") == 1)
    eventually(lambda: value(watched.figures("api"), "modepulse_archive_lag_events") == 0, WELL_SECONDS)


@contextmanager
def filled(stack: Stack, share: float) -> Iterator[None]:
    """With a maxmemory of which this share is in use."""
    with redis.Redis.from_url(stack.run["redis_url"]) as client:
        before: Any = client.config_get("maxmemory")
        memory: Any = client.info("memory")
        limit_memory(client, int(memory["used_memory"] / share))
        try:
            yield
        finally:
            client.config_set("maxmemory", before["maxmemory"])


@LONG
@pytest.mark.parametrize("share", [0.9, 1.2])
def test_redis_full(watched: Watched, share: float) -> None:
    """Nearly, or beyond its limit, when it also refuses what the monitor itself would write."""
    with filled(watched.stack, share):
        watched.fires("ModepulseRedisFull")
        assert watched.post().json()["code"] == "memory_full"
        watched.fires("ModepulseEventsRefused")
        figures = watched.figures("api")
        assert value(figures, "modepulse_redis_memory_ratio") > 0.8
        assert value(figures, "modepulse_ready") == 1


@LONG
def test_redis_weaker_than_promised(watched: Watched) -> None:
    with redis.Redis.from_url(watched.stack.run["redis_url"]) as client:
        client.config_set("appendfsync", "everysec")
        try:
            watched.fires("ModepulseDurabilityDegraded")
        finally:
            client.config_set("appendfsync", "always")


@LONG
def test_redis_wiped(watched: Watched) -> None:
    """The partition closes, and the archiver rebuilds it."""
    assert watched.post("before").status_code == 200
    eventually(lambda: value(watched.figures("api"), "modepulse_archive_lag_events") == 0)
    with watched.without("archiver", signal.SIGSTOP), redis.Redis.from_url(watched.stack.run["redis_url"]) as client:
        client.flushall()
        watched.fires("ModepulseNotReady")
        assert watched.post().json()["code"] == "partition_closed"
    watched.fires("ModepulseRedisLostEvents")
    assert value(watched.figures("archiver"), "modepulse_rebuilds_total") == 1
