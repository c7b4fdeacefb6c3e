"""What the service opens at its start, hands to the handlers, and closes at its end."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TypedDict

from app.archive.erasure import Erasure
from app.archive.pool import ArchivePool, archived_epoch
from app.contract.connection import connect
from app.contract.keys import keys_of
from app.live.admission import Admission
from app.live.broadcast import Hub
from app.live.counters import LiveCounters
from app.live.group_commit import GroupCommit
from app.live.ingest import Ingest
from app.live.monitor import RedisMonitor
from app.live.multiplexer import Multiplexer
from app.live.script_call import ScriptCall
from app.live.stats_reader import StatsReader, Subscription
from app.live.totals import LiveTotals
from app.settings import Settings

log = logging.getLogger(__name__)


class State(TypedDict):
    """What handlers find in `request.state`."""

    settings: Settings
    counters: LiveCounters
    totals: LiveTotals
    ingest: Ingest
    monitor: RedisMonitor
    archive: ArchivePool
    erasure: Erasure
    hub: Hub[Subscription]


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[State]:
    """Everything is closed again, also what had started before a part failed to.

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
        monitor = RedisMonitor(redis, counters, group_commits, settings)
        await monitor.poll()
        await stack.enter_async_context(_watched(monitor))
        archive = ArchivePool(settings)
        await archive.open()
        stack.push_async_callback(archive.close)
        ingest = Ingest(group_commits, Admission(script_calls, settings))
        stack.push_async_callback(ingest.drain)
        log.info("API started", extra={"action": "start"})
        yield {
            "settings": settings,
            "counters": counters,
            "totals": totals,
            "ingest": ingest,
            "monitor": monitor,
            "archive": archive,
            "erasure": Erasure(counters, ingest, archive),
            "hub": Hub(StatsReader(counters, totals, monitor)),
        }
    log.info("API stopped", extra={"action": "stop"})


@asynccontextmanager
async def _watched(monitor: RedisMonitor) -> AsyncIterator[None]:
    """Runs the monitor; should it end by itself, the process ends with it, as nothing else notices a full Redis."""
    task = asyncio.create_task(monitor.run(), name="monitor")
    task.add_done_callback(_stop_process)
    try:
        yield
    finally:
        task.remove_done_callback(_stop_process)
        task.cancel()


def _stop_process(monitoring: "asyncio.Task[None]") -> None:
    log.critical("The monitor of Redis ended", exc_info=monitoring.exception(), extra={"action": "monitor"})
    os.kill(os.getpid(), signal.SIGTERM)
