"""Forgetting a user: live sessions end, and a name that leads to nobody takes the user's place in all history."""

import asyncio
import logging
import secrets
import time

from app.archive.access_entry import AccessEntry
from app.archive.access_log import AccessLog, insert_access
from app.archive.pool import ArchivePool
from app.contract.area_mode import join_area_mode
from app.contract.outcome import EventKind, Outcome
from app.contract.postgres import affected_rows
from app.contract.sql import load_sql
from app.errors import Unavailable
from app.live.counters import LiveCounters
from app.live.ingest import Ingest

log = logging.getLogger(__name__)

# Longest wait for the archive to hold everything that the user ever did.
WAIT_SECONDS = 15.0
PAUSE_SECONDS = 0.05

BEHIND = load_sql("app.archive", "behind")
ERASE_USER = load_sql("app.archive", "erase_user")
ERASE_REJECTS = load_sql("app.archive", "erase_rejects")
ERASE_SUBJECT = load_sql("app.archive", "erase_subject")
NOTE_ERASURE = load_sql("app.archive", "note_erasure")


class Erasure:
    """Erases users; the one module that works on Redis and Postgres alike."""

    def __init__(self, counters: LiveCounters, ingest: Ingest, archive: ArchivePool, access_log: AccessLog) -> None:
        self._counters = counters
        self._ingest = ingest
        self._archive = archive
        self._access_log = access_log

    async def erase(self, user_id: str, access: AccessEntry) -> tuple[int, int]:
        """(sessions ended, events in which the name was replaced). Raises Unavailable: then it has to be repeated.

        The log-outs are ordinary events, so counters and history stay right. When they and everything before them is
        archived, one transaction replaces the name by a random one, and notes the time and `access` but not the user.
        """
        script_args = []
        for area, mode, _ in await self._counters.sessions(user_id):
            script_args += [user_id, join_area_mode(area, mode), EventKind.LOGOUT.value, ""]
        sessions = (await self._ingest.record(script_args)).count(Outcome.APPLIED.letter)
        positions = await self._counters.mark_for_purge()
        # As the statements take them: partitions, milliseconds, sequences.
        columns = [[p.partition for p in positions], [p.ms for p in positions], [p.seq for p in positions]]
        async with self._archive.writing() as connection:
            deadline = time.monotonic() + WAIT_SECONDS
            while await connection.fetchval(BEHIND, *columns):
                if time.monotonic() > deadline:
                    raise Unavailable("archive_behind", "The sessions ended; the archive is behind, repeat this", 5)
                await asyncio.sleep(PAUSE_SECONDS)
            # Reads of this user that are not in the trail yet would be written with the digest afterwards.
            await self._access_log.flush()
            async with connection.transaction():
                name = f"erased-{secrets.token_hex(16)}"
                events = affected_rows(await connection.execute(ERASE_USER, user_id, name, *columns))
                await connection.execute(ERASE_REJECTS, user_id)
                await connection.execute(ERASE_SUBJECT, user_id)
                if events:
                    await connection.execute(NOTE_ERASURE, events)
                access.rows, access.status = events, 200
                access.stop_clock()
                await insert_access(connection, [access])
            access.stored = True
        log.info("A user was erased", extra={"action": "erase", "sessions": sessions, "events": events})
        return sessions, events
