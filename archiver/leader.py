"""Leadership: of several archivers the one works that holds a lock in Postgres.

It only saves work. What keeps a batch from being stored twice is the compare-and-swap of the checkpoint.
"""

from collections.abc import Awaitable, Callable

from app.contract.postgres import Connection
from app.contract.sql import load_sql
from app.contract.versions import postgres_server
from archiver.postgres import WRITER_NAME, AdvisoryLock, connect, set_parameter, try_lock

# A frozen leader loses its session, and with it the lock, after this long without a question.
IDLE_SECONDS = 6
# Longest wait for the answer to that question.
CONFIRM_SECONDS = 3

PING = load_sql("archiver", "ping")
END_FORMER_WRITERS = load_sql("archiver", "end_former_writers")


class Leader:
    """Holds the lock on a connection of its own, which `confirm` has to ask every second."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: Connection | None = None
        self.server: str | None = None
        """Name and version of the Postgres that was last reached."""

    @property
    def leads(self) -> bool:
        """Whether this archiver led when it last looked."""
        return self._connection is not None

    async def confirm(self) -> bool:
        """Asks the connection that holds the lock; False when this archiver does not lead.

        Raises Postgres's errors when the lock may be lost; then this archiver leads no more.
        """
        if self._connection is None:
            return False
        try:
            await self._connection.fetchval(PING, timeout=CONFIRM_SECONDS)
        except BaseException:
            self.resign()
            raise
        return True

    async def take(self, prepare: Callable[[Connection], Awaitable[None]]) -> bool:
        """Tries to become the leader; False while another archiver leads.

        `prepare` runs with the lock held; this archiver leads when it has succeeded. Raises what it raises.
        """
        connection = await connect(self._dsn)
        self.server = postgres_server(connection)
        try:
            locked = await try_lock(connection, AdvisoryLock.LEADER)
            if locked:
                await set_parameter(connection, "idle_session_timeout", f"{IDLE_SECONDS}s", local=False)
                # One that froze in the middle of COPY holds its row locks, and no time-out of Postgres ends that.
                await connection.execute(END_FORMER_WRITERS, WRITER_NAME)
                await prepare(connection)
                self._connection = connection
            return locked
        finally:
            if self._connection is not connection:
                connection.terminate()

    def resign(self) -> None:
        """Gives the lock up by ending its connection."""
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None
