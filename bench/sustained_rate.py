"""The highest rate of events that API, Redis, archiver and Postgres keep up with together."""

import tempfile
import time
from pathlib import Path
from typing import Any

import redis

from bench.constant_rate_load import ConstantRateLoad
from bench.inputs import event_bodies
from bench.scratch_servers import KEYS
from tests.servers import Stack, eventually

BATCH = 500  # events a request
MAX_LAG_SECONDS = 2.0
DRAIN_SECONDS = 120


def highest_sustained_rate(first: float, seconds: float) -> float:
    """Events a second that are kept up with for `seconds`.

    Starts at `first` events a second; steps up in runs of a tenth of the time, then down in full runs.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder) / "data", redis_server="redis-server") as stack,
    ):
        rate = first
        while _keeps_up(stack, rate * 1.25, seconds / 10):
            rate *= 1.25
        while not _keeps_up(stack, rate, seconds):
            rate /= 1.1
        return rate


def _keeps_up(stack: Stack, rate: float, seconds: float) -> bool:
    """Whether `rate` events a second are accepted, and archived within MAX_LAG_SECONDS."""
    load = ConstantRateLoad(stack.port, event_bodies(100, BATCH, seed=5), rate / BATCH)
    client: Any = redis.Redis.from_url(stack.run["redis_url"])
    try:
        with load.running():
            start = time.monotonic()
            while time.monotonic() - start < seconds:
                if _lag_seconds(client) > MAX_LAG_SECONDS:
                    return False
                time.sleep(0.1)
            return load.answered * BATCH >= 0.97 * rate * seconds
    finally:
        eventually(lambda: _lag_seconds(client) == 0, DRAIN_SECONDS)
        client.close()


def _lag_seconds(client: Any) -> float:
    """Age of the oldest entry that is not archived; 0 when all are."""
    archived = client.get(KEYS.archived)
    after = b"(" + archived if archived else b"-"
    oldest = client.xrange(KEYS.events, after, "+", count=1)
    return time.time() - int(oldest[0][0].split(b"-")[0]) / 1000 if oldest else 0.0
