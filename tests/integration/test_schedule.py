"""The archiver's jobs: which failures the watchdog gets to see, and which end the process."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.contract.postgres import Connection
from app.settings import Settings
from archiver import retention, schedule, stream
from archiver.errors import EditedMigration, LostLog
from archiver.partition import PartitionArchiver
from archiver.postgres import AdvisoryLock, connect, migrate, try_lock
from archiver.schedule import Archiver
from archiver.watchdog import LIMIT_SECONDS, Watchdog

NO_REDIS = "redis://127.0.0.1:1/0"


class ObservedWatchdog(Watchdog):
    """Measures with a clock of the test's, and ends nothing."""

    def __init__(self) -> None:
        self.now = 0.0
        self.success = asyncio.Event()
        super().__init__("", lambda: self.now)

    def start(self) -> None:
        pass

    def succeeded(self) -> None:
        super().succeeded()
        self.success.set()


@pytest.fixture
async def archiver(dsn: str, watchdog: ObservedWatchdog) -> AsyncIterator[Archiver]:
    connection = await connect(dsn)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()
    redis = Redis.from_url(NO_REDIS)
    yield Archiver(Settings(redis_url=NO_REDIS, postgres_dsn=dsn), redis, watchdog)
    await redis.aclose()


@pytest.fixture
async def watchdog() -> ObservedWatchdog:
    return ObservedWatchdog()


class TwoAttempts:
    """Together they take longer than the watchdog allows; behind them the archiver is stopped."""

    def __init__(self, archiver: Archiver, watchdog: ObservedWatchdog) -> None:
        self._archiver = archiver
        self._watchdog = watchdog
        self._made = 0

    def make(self) -> None:
        self._watchdog.now += LIMIT_SECONDS * 0.6
        self._made += 1
        if self._made == 2:
            self._archiver.stop.set()


async def test_a_leader_that_cannot_create_partitions_is_noticed_by_the_watchdog(
    archiver: Archiver, watchdog: ObservedWatchdog, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = TwoAttempts(archiver, watchdog)

    async def fail(_: Connection) -> None:
        attempts.make()
        raise asyncpg.DiskFullError("could not extend file")

    monkeypatch.setattr(retention, "create_ahead", fail)
    await archiver.run()
    assert watchdog.overdue()


async def test_a_rebuild_that_fails_at_once_and_again_is_noticed_by_the_watchdog(
    archiver: Archiver, watchdog: ObservedWatchdog, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = TwoAttempts(archiver, watchdog)

    async def partitions(*_: object) -> str:
        return "1"

    async def lose(*_: object) -> bool:
        attempts.make()
        raise LostLog

    async def fail(*_: object, **__: object) -> int:
        raise RedisError("no room")

    monkeypatch.setattr(stream, "set_if_none", partitions)
    monkeypatch.setattr(PartitionArchiver, "copy_batch", lose)
    monkeypatch.setattr(schedule, "rebuild", fail)
    await archiver.run()
    assert watchdog.overdue()


async def test_an_archiver_that_takes_over_ends_when_a_migration_was_edited(
    archiver: Archiver, watchdog: ObservedWatchdog, dsn: str
) -> None:
    leader = await connect(dsn)
    await migrate(leader)
    assert await try_lock(leader, AdvisoryLock.LEADER)
    running = asyncio.create_task(archiver.run())
    await watchdog.success.wait()  # it has seen that another one leads
    await leader.execute("UPDATE schema_migrations SET sha256 = 'of another text'")
    await leader.close()
    with pytest.raises(EditedMigration):
        async with asyncio.timeout(30):
            await running
