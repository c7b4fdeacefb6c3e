"""Forgetting a person: live sessions end, and all history names somebody who cannot be found out any more."""

import asyncio
import logging
import secrets
import time

from app.api.events import Ingest
from app.archive.pool import ArchivePool, sql
from app.errors import Unavailable
from app.live.counters import LiveCounters

log = logging.getLogger(__name__)

# How long the archive may take to have everything that the person ever did.
WAIT_SECONDS = 15.0
PAUSE_SECONDS = 0.05

BEHIND = sql("behind")
ERASE_USER = sql("erase_user")
ERASE_REJECTS = sql("erase_rejects")


class Erasure:
    def __init__(self, counters: LiveCounters, ingest: Ingest, archive: ArchivePool) -> None:
        self._counters = counters
        self._ingest = ingest
        self._archive = archive

    async def erase(self, user_id: str) -> tuple[int, int]:
        """(sessions ended, events in which the name was replaced). Raises Unavailable: then it is to be repeated.

        The log-outs go the way of all events, so counters and history stay what they are. When they and everything
        before them is archived, one transaction replaces the name by a random one; when is noted, never who.
        """
        flat = []
        for area, mode, _ in await self._counters.sessions(user_id):
            flat += [user_id, f"{area}|{mode}", "LOGOUT", ""]
        sessions = (await self._ingest.record(flat)).count("a")
        positions = await self._counters.let_go()
        async with self._archive.writing() as connection:
            deadline = time.monotonic() + WAIT_SECONDS
            while await connection.fetchval(BEHIND, *positions):
                if time.monotonic() > deadline:
                    raise Unavailable("archive_behind", "The sessions ended; the archive is behind, repeat this", 5)
                await asyncio.sleep(PAUSE_SECONDS)
            async with connection.transaction():
                name = f"erased-{secrets.token_hex(16)}"
                events = int((await connection.execute(ERASE_USER, user_id, name, *positions)).split()[1])
                await connection.execute(ERASE_REJECTS, user_id)
                if events:
                    await connection.execute("INSERT INTO erasures (events) VALUES ($1)", events)
        log.info("A user was erased", extra={"action": "erase", "sessions": sessions, "events": events})
        return sessions, events
