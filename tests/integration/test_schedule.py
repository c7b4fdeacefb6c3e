"""The archiver's jobs: which failures the watchdog gets to see."""

import asyncpg
import pytest
from redis.asyncio import Redis

from app.contract.postgres import Connection
from app.settings import Settings
from archiver import retention
from archiver.schedule import Archiver
from archiver.watchdog import LIMIT_SECONDS, Watchdog


class HarmlessWatchdog(Watchdog):
    """Measures, but ends nothing."""

    def start(self) -> None:
        pass


async def test_a_leader_that_cannot_create_partitions_is_noticed_by_the_watchdog(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    attempts = 0
    redis = Redis.from_url("redis://127.0.0.1:1/0")
    watchdog = HarmlessWatchdog(dsn, lambda: now)
    archiver = Archiver(Settings(redis_url="redis://127.0.0.1:1/0", postgres_dsn=dsn), redis, watchdog)

    async def fail(_: Connection) -> None:
        """Two attempts, each after the migrations; together they take longer than the watchdog allows."""
        nonlocal now, attempts
        now += LIMIT_SECONDS * 0.6
        attempts += 1
        if attempts == 2:
            archiver.stop.set()
        raise asyncpg.DiskFullError("could not extend file")

    monkeypatch.setattr(retention, "create_ahead", fail)
    await archiver.run()
    await redis.aclose()
    assert watchdog.overdue()
