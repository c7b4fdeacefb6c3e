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
from app.live.broadcast import Hub
from app.live.counters import LiveCounters
from app.live.group_commit import GroupCommit
from app.live.ingest import Ingest
from app.live.keyring import Keyring
from app.live.monitor import RedisMonitor
from app.live.multiplexer import Multiplexer
from app.live.script_call import ScriptCall
from app.live.secret import SharedSecret
from app.live.stats_reader import StatsReader, Subscription
from app.settings import Settings

log = logging.getLogger(__name__)


class State(TypedDict):
    """What handlers find in `request.state`."""

    settings: Settings
    admission: Admission
    sessions: Sessions
    counters: LiveCounters
    ingest: Ingest
    monitor: RedisMonitor
    secret: SharedSecret
    archive: ArchivePool
    access_log: AccessLog
    erasure: Erasure
    hub: Hub[Subscription]


@asynccontextmanager
async def running(settings: Settings, loopback: bool = False) -> AsyncIterator[State]:
    """Everything is closed again, also what had started before a part failed to. `loopback`: only this machine can ask.

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
        group_commits = [
            GroupCommit(
                ScriptCall(link, keys_of(partition), settings, partial(archived_epoch, settings)),
                settings.queue_events,
                settings.write_deadline_seconds,
            )
            for partition, link in enumerate(writes)
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
        ingest = Ingest(group_commits)
        stack.push_async_callback(ingest.drain)
        # What lives as long as the process is never looked through again: a full collection took 25 ms, and at 20,000
        # requests/s several were made a second.
        gc.collect()
        gc.freeze()
        yield {
            "settings": settings,
            "admission": admission,
            "sessions": sessions,
            "counters": counters,
            "ingest": ingest,
            "monitor": monitor,
            "secret": secret,
            "archive": archive,
            "access_log": access_log,
            "erasure": Erasure(counters, ingest, archive, access_log),
            "hub": Hub(StatsReader(counters, monitor)),
        }
    log.info("API stopped", extra={"action": "stop"})


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
