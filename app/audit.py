"""The only module of the service that reads Postgres."""

import asyncpg

from app.settings import Settings

TIMEOUT_SECONDS = 1.0


async def archived_epoch(settings: Settings, partition: int) -> str | None:
    """The epoch that Postgres knows for a partition; None when it knows none or cannot be asked.

    Asked when this process meets an epoch it has not seen: a Redis that is not ours has one too.
    """
    if not settings.postgres_dsn:
        return None
    try:
        connection = await asyncpg.connect(
            settings.postgres_dsn, timeout=TIMEOUT_SECONDS, command_timeout=TIMEOUT_SECONDS
        )
        try:
            epoch: str | None = await connection.fetchval(
                "SELECT epoch FROM archive_checkpoint WHERE partition = $1", partition
            )
            return epoch
        finally:
            connection.terminate()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        return None
