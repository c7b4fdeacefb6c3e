"""Events that are posted and archived while something else is measured."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from app.contract.sql import load_sql
from bench.constant_rate_load import ConstantRateLoad
from bench.history.large_archive import LargeArchive
from bench.inputs import event_bodies
from tests.servers import eventually

BATCH = 100  # events a request
EVENTS_PER_SECOND = 5000
CHECKPOINT_POSITION = load_sql("bench", "checkpoint_position")


@contextmanager
def archiving(archive: LargeArchive) -> Iterator[list[float]]:
    """Posts EVENTS_PER_SECOND meanwhile; afterwards the list has the seconds between moves of the checkpoint."""
    pauses: list[float] = []
    stop = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_watch_checkpoint(archive.dsn, pauses, stop)))
    load = ConstantRateLoad(archive.stack.port, event_bodies(100, BATCH, seed=3), EVENTS_PER_SECOND / BATCH)
    with load.running():
        eventually(lambda: load.answered > 50)
        thread.start()
        try:
            yield pauses
        finally:
            stop.set()
            thread.join()


async def _watch_checkpoint(dsn: str, pauses: list[float], stop: threading.Event) -> None:
    connection = await asyncpg.connect(dsn)
    moved_at, last = time.perf_counter(), None
    while not stop.is_set():
        position = await connection.fetchval(CHECKPOINT_POSITION)
        if position != last:
            pauses.append(time.perf_counter() - moved_at)
            moved_at, last = time.perf_counter(), position
        await asyncio.sleep(0.01)
    pauses.append(time.perf_counter() - moved_at)
    await connection.close()
