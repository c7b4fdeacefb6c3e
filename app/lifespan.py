"""What the service opens at its start, hands to the handlers, and closes at its end."""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from hashlib import sha256
from typing import Protocol, TypedDict

from app.access.admission import Admission
from app.access.session import Sessions
from app.archive.access_log import AccessLog
from app.archive.erasure import Erasure
from app.archive.pool import ArchivePool, archived_epoch
from app.contract.connection import connect
from app.contract.keys import keys_of
from app.exposition.endpoint import serving
from app.exposition.text import Exposition
from app.live.broadcast import Hub
from app.live.counters import LiveCounters
from app.live.group_commit import GroupCommit
from app.live.ingest import Ingest
from app.live.keyring import Keyring
from app.live.monitor import RedisMonitor
from app.live.multiplexer import Multiplexer
from app.live.name_admission import NameAdmission
from app.live.script_call import ScriptCall
from app.live.secret import SharedSecret
from app.live.stats_reader import StatsReader, Subscription
from app.live.totals import LiveTotals
from app.metrics import ApiMetrics
from app.request_metrics import RequestMetrics
from app.settings import Settings

log = logging.getLogger(__name__)


class State(TypedDict):
    """What handlers find in `request.state`."""

    settings: Settings
    admission: Admission
    sessions: Sessions
    counters: LiveCounters
    totals: LiveTotals
    ingest: Ingest
    monitor: RedisMonitor
    secret: SharedSecret
    archive: ArchivePool
    access_log: AccessLog
    erasure: Erasure
    hub: Hub[Subscription]
    exposition: Exposition


@asynccontextmanager
async def running(
    settings: Settings,
    loopback: bool = False,
    requests: RequestMetrics | None = None,
) -> AsyncIterator[State]:
    """Everything is closed again, also what had started before a part failed to. `loopback`: only this machine can ask.

    `requests`: what was counted of them, for /metrics.
    Raises SettingsMismatch when Redis was opened with another partition count.
    """
    async with AsyncExitStack() as stack:
        redis = connect(settings)
        stack.push_async_callback(redis.aclose)
        # One connection for reads and one for each partition's writes: none waits behind another's commands.
        reads, *writes = (Multiplexer(redis, settings.redis_timeout_seconds) for _ in range(1 + settings.partitions))
        for link in (reads, *writes):
            stack.callback(link.close)
        counters = LiveCounters(redis, reads, settings)
        await counters.closed_reason()
        totals = LiveTotals(redis, counters, settings)
        script_calls = [
            ScriptCall(link, keys_of(partition), settings, partial(archived_epoch, settings))
            for partition, link in enumerate(writes)
        ]
        group_commits = [
            GroupCommit(script_call, settings.queue_events, settings.write_deadline_seconds)
            for script_call in script_calls
        ]
        secret = SharedSecret(redis)
        monitor = RedisMonitor(redis, counters, group_commits, secret, settings)
        await monitor.poll()
        await stack.enter_async_context(_watched(monitor))
        # Sessions end when the admin token changes, as its own must.
        purpose = b"session " + sha256(settings.admin_token.encode()).digest()
        sessions = Sessions(partial(secret.key, purpose), settings.login_seconds, settings.root_path)
        admission = Admission(settings, Keyring(redis), loopback, sessions)
        await admission.refresh()
        await stack.enter_async_context(_watched(admission))
        archive = ArchivePool(settings)
        await archive.open()
        stack.push_async_callback(archive.close)
        access_log = AccessLog(settings)
        await stack.enter_async_context(access_log.writing())
        ingest = Ingest(group_commits, NameAdmission(script_calls, settings))
        stack.push_async_callback(ingest.drain)
        hub = Hub(StatsReader(counters, totals, monitor))
        metrics = ApiMetrics(
            requests or RequestMetrics(),
            [script_call.metrics for script_call in script_calls],
            group_commits,
            settings.queue_events,
            reads,
            writes,
            monitor,
            admission.keyring,
            hub,
            partial(_count_sessions, totals),
        )
        exposition = Exposition("api", metrics.collect)
        await stack.enter_async_context(serving(exposition, settings.metrics_host, settings.metrics_port))
        # What lives as long as the process is never looked through again: a full collection took 25 ms, and at 20,000
        # requests/s several were made a second.
        gc.collect()
        gc.freeze()
        yield {
            "settings": settings,
            "admission": admission,
            "sessions": sessions,
            "counters": counters,
            "totals": totals,
            "ingest": ingest,
            "monitor": monitor,
            "secret": secret,
            "archive": archive,
            "access_log": access_log,
            "erasure": Erasure(counters, ingest, archive, access_log),
            "hub": hub,
            "exposition": exposition,
        }
    log.info("API stopped", extra={"action": "stop"})


async def _count_sessions(totals: LiveTotals) -> int:
    return (await totals.modes(0, 1)).players


class Watched(Protocol):
    """Something that runs until it is cancelled."""

    async def run(self) -> None:
        """Never returns."""


@asynccontextmanager
async def _watched(part: Watched) -> AsyncIterator[None]:
    """Runs the part; should it end by itself, the process ends with it, as nothing else notices what it looks for."""
    task = asyncio.create_task(part.run(), name=type(part).__name__)
    task.add_done_callback(_stop_process)
    try:
        yield
    finally:
        task.remove_done_callback(_stop_process)
        task.cancel()


def _stop_process(task: "asyncio.Task[None]") -> None:
    log.critical(f"{task.get_name()} ended", exc_info=task.exception(), extra={"action": "stop"})
    os.kill(os.getpid(), signal.SIGTERM)
