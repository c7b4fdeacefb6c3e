"""When things happen: the APScheduler jobs, leadership among several archivers, drain on stop, watchdog."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import asyncpg
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.contract.connection import SettingsMismatch
from app.contract.keys import PARTITIONS
from app.settings import Settings
from archiver import batches, retention, stream
from archiver.heal import heal
from archiver.partition import LostLog, LostTail, PartitionArchiver
from archiver.rebuild import Busy, rebuild

log = logging.getLogger(__name__)

JOB_SECONDS = 30
# A leader may have to migrate a large archive; the drain sets a deadline for each batch, as a long outage leaves more
# than fits into one; a day that is dropped has to be summed up.
PATIENT_JOBS = ("lead", "drain", "days")
DAYS_SECONDS = 600
STOP_SECONDS = 10
WATCHDOG_SECONDS = 60
WATCHDOG_EXIT = 70

# What may go wrong outside; the next run of the job tries again.
OUTSIDE = (
    RedisError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
    batches.Superseded,
)


class Archiver:
    """Runs until `stop` is set. Several may run; the one that holds the lock works."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self._settings = settings
        self._redis = redis
        self._partitions = [PartitionArchiver(redis, p) for p in range(settings.partitions)]
        self._leadership: Any = None
        self._postgres: Any = None
        self._working = asyncio.Lock()
        self._busy_for_long = False
        self._failing: set[str] = set()
        self._mismatch: SettingsMismatch | None = None
        self.last_success = time.monotonic()
        self.stop = asyncio.Event()

    async def run(self) -> None:
        """Raises SettingsMismatch when Redis was opened with another partition count."""
        scheduler = AsyncIOScheduler(
            timezone="UTC", job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        await self._guarded("lead", self._lead)()
        await self._guarded("drain", self._drain)()
        for name, seconds, job in (
            ("lead", 1, self._lead),
            ("drain", 0.25, self._drain),
            ("expire", min(5, self._settings.expiry_bucket_seconds), self._expire),
            ("trim", 10, self._trim),
            ("days", DAYS_SECONDS, self._keep_days),
        ):
            scheduler.add_job(
                self._guarded(name, job), "interval", seconds=seconds, id=name, next_run_time=datetime.now(UTC)
            )
        scheduler.start()
        watchdog = threading.Thread(target=self._watch, daemon=True, name="watchdog")
        watchdog.start()
        log.info("Archiver started", extra={"action": "start"})
        await self.stop.wait()
        # shutdown() cancels what runs, so wait for it and drain a last time before.
        scheduler.pause()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._guarded("drain", self._drain)()
                async with self._working:
                    pass
        except TimeoutError:
            log.warning("Stopped before everything was archived", extra={"action": "stop"})
        scheduler.shutdown(wait=False)
        for connection in (self._leadership, self._postgres):
            if connection is not None and not connection.is_closed():
                connection.terminate()
        log.info("Archiver stopped", extra={"action": "stop"})
        if self._mismatch is not None:
            raise self._mismatch

    def _guarded(self, name: str, job: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """The job with a deadline; a failure is logged when it begins and when it is over."""

        async def run() -> None:
            try:
                async with asyncio.timeout(None if name in PATIENT_JOBS else JOB_SECONDS):
                    await job()
            except OUTSIDE as error:
                if name not in self._failing:
                    self._failing.add(name)
                    log.error("Job fails", exc_info=error, extra={"action": name})
            else:
                if name in self._failing:
                    self._failing.discard(name)
                    log.info("Job works again", extra={"action": name})

        return run

    async def _lead(self) -> None:
        """Keeps or takes the lock, on a connection of its own that is asked every second."""
        if self._leadership is not None:
            try:
                await self._leadership.fetchval("SELECT 1", timeout=3)
                return
            except BaseException:
                self._resign()
                raise
        connection = await batches.connect(self._settings.postgres_dsn)
        try:
            if not await batches.lead(connection):
                self.last_success = time.monotonic()
                return
            await batches.end_former_writers(connection)
            await self._migrate(connection)
            await retention.create_ahead(connection)
            await self._check_partitions()
            self._leadership, connection = connection, None
            log.info("This archiver leads", extra={"action": "lead"})
        finally:
            if connection is not None:
                connection.terminate()

    async def _migrate(self, connection: Any) -> None:
        """May take minutes; the watchdog waits for it."""
        self._busy_for_long = True
        try:
            for name in await batches.migrate(connection):
                log.info("Migration applied", extra={"action": "migrate", "migration": name})
        finally:
            self._busy_for_long = False
            self.last_success = time.monotonic()

    def _resign(self) -> None:
        if self._leadership is not None:
            self._leadership.terminate()
        self._leadership = None

    async def _check_partitions(self) -> None:
        count = await stream.set_if_none(self._redis, PARTITIONS, str(self._settings.partitions))
        if int(count) != self._settings.partitions:
            self._mismatch = SettingsMismatch("MODEPULSE_PARTITIONS differs from what Redis was opened with")
            self.stop.set()
            raise self._mismatch

    async def _drain(self) -> None:
        if self._leadership is None:
            return
        async with self._working:
            if self._postgres is None or self._postgres.is_closed():
                self._postgres = await batches.connect(self._settings.postgres_dsn, name=batches.WRITER_NAME)
            try:
                # In turn, so that a busy partition keeps no other waiting.
                waiting = self._partitions
                while waiting:
                    waiting = [partition for partition in waiting if await self._copy_batch(partition)]
            except (LostLog, LostTail) as loss:
                await self._recover(loss)
            except BaseException:
                # In the middle of who knows what: a new connection knows its state.
                self._postgres.terminate()
                self._postgres = None
                raise

    async def _copy_batch(self, partition: PartitionArchiver) -> bool:
        async with asyncio.timeout(JOB_SECONDS):
            more = await partition.copy_batch(self._postgres)
        self.last_success = time.monotonic()
        return more

    async def _recover(self, loss: LostLog | LostTail) -> None:
        """May take minutes; the watchdog waits for it."""
        self._busy_for_long = True
        try:
            if isinstance(loss, LostTail):
                await heal(self._settings, self._redis, loss.checkpoint)
            else:
                log.error("Redis is not the one that was archived; rebuilding", extra={"action": "rebuild"})
                await rebuild(self._settings, self._redis)
        except Busy:
            log.info("Somebody else rebuilds", extra={"action": "rebuild"})
        finally:
            self._busy_for_long = False
            self.last_success = time.monotonic()

    async def _expire(self) -> None:
        if self._leadership is not None:
            for partition in self._partitions:
                await partition.expire(self._settings.lease_us, self._settings.expiry_bucket_seconds)

    async def _trim(self) -> None:
        if self._leadership is not None:
            for partition in self._partitions:
                await partition.trim()

    async def _keep_days(self) -> None:
        if self._leadership is None:
            return
        settings = self._settings
        connection = await batches.connect(settings.postgres_dsn, patient=True)
        try:
            await retention.create_ahead(connection)
            await retention.drop_old(connection, settings.retention_days, settings.minutes_retention_days)
        finally:
            connection.terminate()

    def _watch(self) -> None:
        """Ends a process in which nothing succeeded for a minute although Postgres answers.

        A thread, because what it watches for may be an event loop that stands still.
        """
        while True:
            time.sleep(5)
            if self._busy_for_long:
                continue
            if time.monotonic() - self.last_success > WATCHDOG_SECONDS and asyncio.run(self._postgres_answers()):
                log.critical("Nothing succeeded for a minute; ending", extra={"action": "watchdog"})
                os._exit(WATCHDOG_EXIT)

    async def _postgres_answers(self) -> bool:
        try:
            connection = await batches.connect(self._settings.postgres_dsn)
            connection.terminate()
        except (asyncpg.PostgresError, OSError, TimeoutError):
            return False
        return True
