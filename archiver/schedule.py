"""When things happen: the archiver's repeated jobs, and the last drain when it stops."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.contract.connection import SettingsMismatch
from app.contract.keys import PARTITIONS
from app.contract.postgres import POSTGRES_ERRORS, Connection
from app.contract.totals import Uncountable
from app.contract.tracing import span
from app.settings import Settings
from archiver import retention, stream
from archiver.errors import Busy, EditedMigration, LostLog, LostTail, Superseded
from archiver.heal import heal
from archiver.job_report import JobReport
from archiver.key_copies import KeyCopies
from archiver.leader import Leader
from archiver.metrics import ArchiverMetrics
from archiver.partition import PartitionArchiver
from archiver.postgres import WRITER_NAME, connect, migrate
from archiver.rebuild import rebuild
from archiver.start_line import start_line
from archiver.watchdog import Watchdog

log = logging.getLogger(__name__)

JOB_SECONDS = 30
STOP_SECONDS = 10
# Who asks for the totals has them counted to the moment; this keeps them from falling behind while nobody does.
TOTALS_SECONDS = 5

# Failures outside this process; the job's next run tries again.
OUTSIDE = (RedisError, *POSTGRES_ERRORS, Superseded, Uncountable)
# Failures that no other try can mend: the process ends with the message.
FATAL = (SettingsMismatch, EditedMigration)


@dataclass(frozen=True)
class Job:
    """A repeated task. `every`: seconds from one start to the next, but never two at a time."""

    name: str
    every: float
    run: Callable[[], Awaitable[None]]
    deadline: float | None = JOB_SECONDS
    """Seconds for one run; None where the job itself limits its steps."""


class Archiver:
    """Runs until `stop` is set. Several may run; the one that leads works."""

    def __init__(self, settings: Settings, redis: Redis, watchdog: Watchdog) -> None:
        self._settings = settings
        self._redis = redis
        self._leader = Leader(settings.postgres_dsn)
        self.metrics = ArchiverMetrics(lambda: self._leader.leads)
        self._partitions = [PartitionArchiver(redis, p, self.metrics.stored) for p in range(settings.partitions)]
        self._watchdog = watchdog
        self._report = JobReport(settings.postgres_dsn)
        self._writer: Connection | None = None
        self._key_copies = KeyCopies(settings.postgres_dsn, redis)
        self._draining = asyncio.Lock()
        self._fatal: Exception | None = None
        self.stop = asyncio.Event()
        # A new leader may have to migrate a large archive.
        self._lead_job = Job("lead", 1, self._lead, deadline=None)
        # After a long outage there is more to copy than fits into one deadline: each batch has its own.
        self._drain_job = Job("drain", 0.25, self._drain, deadline=None)
        self._jobs = (
            self._lead_job,
            self._drain_job,
            Job("expire", min(5, settings.expiry_bucket_seconds), self._expire),
            Job("trim", 10, self._trim),
            Job("totals", TOTALS_SECONDS, self._keep_totals),
            Job("keys", 2, self._synchronise_keys),
            Job("report", 5, self._write_report),
            # The events of a day that is dropped have to be summed up.
            Job("retention", 600, self._keep_retention, deadline=None),
        )
        for job in self._jobs:
            self.metrics.add_job(job.name)

    async def run(self) -> None:
        """Raises SettingsMismatch when Redis was opened with another partition count, and EditedMigration."""
        await self._run(self._lead_job)
        await self._run(self._drain_job)
        if self._fatal is None:
            await self._run_jobs()
        self._leader.resign()
        self._end_writer()
        self._report.close()
        self._key_copies.close()
        if self._fatal is not None:
            raise self._fatal

    async def _run_jobs(self) -> None:
        scheduler = AsyncIOScheduler(
            timezone="UTC", job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        now = datetime.now(UTC)
        for job in self._jobs:
            scheduler.add_job(self._run, "interval", [job], seconds=job.every, id=job.name, next_run_time=now)
        scheduler.start()
        self._watchdog.start()
        log.info("Archiver started", extra=await start_line(self._redis, self._leader.server))
        await self.stop.wait()
        # shutdown() cancels running jobs, so wait for them and drain a last time before.
        scheduler.pause()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._run(self._drain_job)
                async with self._draining:
                    pass
        except TimeoutError:
            log.warning("Stopped before everything was archived", extra={"action": "stop"})
        scheduler.shutdown(wait=False)
        log.info("Archiver stopped", extra={"action": "stop"})

    async def _run(self, job: Job) -> None:
        """Runs the job within its deadline; logs its first failure, and when it works again."""
        try:
            async with asyncio.timeout(job.deadline):
                await job.run()
        except OUTSIDE as error:
            self.metrics.failures[job.name] += 1
            self._report.failed(job.name, job.every, error)
            if job.name not in self.metrics.failing:
                self.metrics.failing.add(job.name)
                log.error("Job fails", exc_info=error, extra={"action": job.name})
        except FATAL as error:
            self._fatal = error
            self.stop.set()
        else:
            self.metrics.succeeded(job.name)
            if self._leader.leads:  # others have done nothing
                self._report.succeeded(job.name, job.every)
            if job.name in self.metrics.failing:
                self.metrics.failing.discard(job.name)
                log.info("Job works again", extra={"action": job.name})

    async def _lead(self) -> None:
        if await self._leader.confirm():
            return
        if await self._leader.take(self._prepare):
            log.info("This archiver leads", extra={"action": "lead"})
        self._watchdog.succeeded()

    async def _prepare(self, connection: Connection) -> None:
        """What has to be right before anything is archived."""
        with self._watchdog.paused():
            for name in await migrate(connection):
                log.info("Migration applied", extra={"action": "migrate", "migration": name})
        await retention.create_ahead(connection)
        count = await stream.set_if_none(self._redis, PARTITIONS, str(self._settings.partitions))
        if int(count) != self._settings.partitions:
            raise SettingsMismatch("MODEPULSE_PARTITIONS differs from what Redis was opened with")

    async def _drain(self) -> None:
        if not self._leader.leads:
            return
        async with self._draining:
            try:
                # In turn, so that a busy partition keeps no other waiting.
                waiting = self._partitions
                while waiting:
                    waiting = [partition for partition in waiting if await self._copy_batch(partition)]
            except (LostLog, LostTail) as loss:
                await self._recover(loss)
            except BaseException:
                # The connection may be in the middle of anything; the state of a new one is known.
                self._end_writer()
                raise

    async def _copy_batch(self, partition: PartitionArchiver) -> bool:
        if self._writer is None or self._writer.is_closed():
            self._writer = await connect(self._settings.postgres_dsn, name=WRITER_NAME)
        async with asyncio.timeout(JOB_SECONDS):
            more = await partition.copy_batch(self._writer)
        self._watchdog.succeeded()
        return more

    def _end_writer(self) -> None:
        if self._writer is not None:
            self._writer.terminate()
        self._writer = None

    async def _recover(self, loss: LostLog | LostTail) -> None:
        try:
            with self._watchdog.paused(), span("recover", loss=type(loss).__name__):
                if isinstance(loss, LostTail):
                    self.metrics.healed(await heal(self._settings, self._redis, loss))
                else:
                    log.error("Redis is not the one that was archived; rebuilding", extra={"action": "rebuild"})
                    await rebuild(self._settings, self._redis, stored=self.metrics.stored)
                    self.metrics.rebuilds += 1
        except Busy:
            log.info("Somebody else rebuilds", extra={"action": "rebuild"})
        self._watchdog.succeeded()

    async def _expire(self) -> None:
        if self._leader.leads:
            for partition in self._partitions:
                await partition.expire(self._settings.lease_us, self._settings.expiry_bucket_seconds)

    async def _trim(self) -> None:
        if self._leader.leads:
            for partition in self._partitions:
                await partition.trim()

    async def _keep_totals(self) -> None:
        if self._leader.leads:
            for partition in self._partitions:
                await partition.keep_totals()

    async def _synchronise_keys(self) -> None:
        epoch = self._partitions[0].epoch
        if self._leader.leads and epoch is not None:
            await self._key_copies.synchronise(epoch)

    async def _write_report(self) -> None:
        if self._leader.leads:
            await self._report.write()

    async def _keep_retention(self) -> None:
        if not self._leader.leads:
            return
        settings = self._settings
        connection = await connect(settings.postgres_dsn, patient=True)
        try:
            await retention.create_ahead(connection)
            await retention.drop_old(connection, settings.retention_days, settings.minutes_retention_days)
            await retention.drop_old_access(connection, settings.access_retention_days)
            epoch = self._partitions[0].epoch
            if epoch is not None:
                await self._key_copies.forget_ended(connection, epoch)
        finally:
            connection.terminate()
