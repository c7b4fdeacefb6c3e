"""Ends a process in which nothing has succeeded for a minute although Postgres answers."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.contract.postgres import POSTGRES_ERRORS
from archiver.postgres import connect

log = logging.getLogger(__name__)

LIMIT_SECONDS = 60
CHECK_SECONDS = 5
EXIT_CODE = 70


class Watchdog:
    """Measures the time since the last success, but for the time in which it is paused."""

    def __init__(self, dsn: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._dsn = dsn
        self._clock = clock
        self._last_success = clock()
        self._pauses = 0
        self._paused_at = 0.0

    def start(self) -> None:
        """Watches from a thread of its own: the event loop itself may be what stands still."""
        threading.Thread(target=self._watch, daemon=True, name="watchdog").start()

    def succeeded(self) -> None:
        """To be called when work was done, or when there was none to do."""
        self._last_success = self._clock()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """For steps that may take minutes: their time does not count. Ending one is no success in itself."""
        if not self._pauses:
            self._paused_at = self._clock()
        self._pauses += 1
        try:
            yield
        finally:
            self._pauses -= 1
            if not self._pauses:
                now = self._clock()
                self._last_success = min(now, self._last_success + now - self._paused_at)

    def overdue(self) -> bool:
        """Whether nothing has succeeded for LIMIT_SECONDS."""
        return not self._pauses and self._clock() - self._last_success > LIMIT_SECONDS

    def _watch(self) -> None:
        while True:
            time.sleep(CHECK_SECONDS)
            if self.overdue() and asyncio.run(self._postgres_answers()):
                log.critical("Nothing succeeded for a minute; ending", extra={"action": "watchdog"})
                os._exit(EXIT_CODE)

    async def _postgres_answers(self) -> bool:
        try:
            connection = await connect(self._dsn)
        except POSTGRES_ERRORS:
            return False
        connection.terminate()
        return True
