"""The audit trail: a log line for each entry at once, a row in Postgres soon after."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice

import asyncpg

from app.archive.access_entry import AccessEntry
from app.contract.postgres import POSTGRES_ERRORS, Connection
from app.contract.sql import load_sql
from app.settings import Settings

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 10.0
# From an entry to its row: others join it meanwhile.
GATHER_SECONDS = 0.5
BATCH_ENTRIES = 500
# Entries that wait while Postgres is down, about 1 kB each.
MAX_WAITING = 10_000
RETRY_SECONDS = 2.0
STOP_SECONDS = 5.0
# What was refused or failed is recorded so often; beyond it is counted, or it could fill the disk.
MAX_FAILURES = 600
FAILURES_SECONDS = 60.0

INSERT_ACCESS = load_sql("app.archive", "insert_access")


async def insert_access(connection: Connection, entries: Sequence[AccessEntry]) -> None:
    """All or nothing; what is there already stays. Raises Postgres's errors."""
    await connection.executemany(INSERT_ACCESS, [entry.row() for entry in entries])


class AccessLog:
    """Takes entries without ever waiting or failing; what cannot be written is counted and said in the log."""

    def __init__(self, settings: Settings) -> None:
        self._dsn = settings.postgres_dsn
        self._waiting: deque[AccessEntry] = deque()
        self._woken = asyncio.Event()
        self._writing = asyncio.Lock()
        self._connection: Connection | None = None
        self._failing = False
        self._lost = 0
        self._failures = 0
        self._unrecorded = 0
        self._window_ends = 0.0

    def record(self, entry: AccessEntry) -> None:
        """Logs the entry, and stores it unless that was done already."""
        if entry.status >= 400 and not self._admit_failure():
            return
        log.info("A recorded route was used", extra={"action": "access", **entry.line()})
        if entry.stored or not self._dsn:
            return
        if len(self._waiting) >= MAX_WAITING:
            self._lost += 1
            return
        self._waiting.append(entry)
        self._woken.set()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Writes in the background; at the end what still waits, for STOP_SECONDS at most."""
        task = asyncio.create_task(self._write_on(), name="access log")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            await self._write_last()
            self._disconnect()

    async def flush(self) -> None:
        """Returns when all that waits is stored. Raises Postgres's errors."""
        async with self._writing:
            while self._waiting:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await self._connect()
                batch = list(islice(self._waiting, BATCH_ENTRIES))
                await insert_access(self._connection, batch)
                for _ in batch:
                    self._waiting.popleft()

    def _admit_failure(self) -> bool:
        """Whether one more may be recorded; at the end of a time with too many, says how many were not."""
        now = time.monotonic()
        if now >= self._window_ends:
            self._say_unrecorded()
            self._window_ends, self._failures = now + FAILURES_SECONDS, 0
        self._failures += 1
        if self._failures > MAX_FAILURES:
            self._unrecorded += 1
            return False
        return True

    def _say_unrecorded(self) -> None:
        if self._unrecorded:
            extra = {"action": "access", "unrecorded": self._unrecorded}
            log.warning("Refused or failed uses were too many to record", extra=extra)
        self._unrecorded = 0

    async def _write_on(self) -> None:
        while True:
            await self._woken.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._woken.clear()
            try:
                await self.flush()
            except Exception as error:
                self._note_failure(error)
                self._woken.set()
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self._note_success()

    async def _connect(self) -> Connection:
        return await asyncpg.connect(
            self._dsn,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            server_settings={"application_name": "modepulse-access", "lock_timeout": "5s"},
        )

    def _note_failure(self, error: Exception) -> None:
        self._disconnect()
        if not self._failing:
            extra = {"action": "access", "waiting": len(self._waiting)}
            log.error("The audit trail cannot be written; entries wait", exc_info=error, extra=extra)
        self._failing = True

    def _note_success(self) -> None:
        if self._failing or self._lost:
            log.warning("The audit trail is written again", extra={"action": "access", "lost": self._lost})
        self._failing, self._lost = False, 0

    async def _write_last(self) -> None:
        self._say_unrecorded()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.flush()
        except POSTGRES_ERRORS as error:
            log.debug("The audit trail cannot be written", exc_info=error)
        lost = self._lost + len(self._waiting)
        if lost:
            log.error("Entries of the audit trail are in the log only", extra={"action": "access", "lost": lost})

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None
