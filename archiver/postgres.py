"""The archiver's connections to Postgres, its advisory locks, and the migrations of its schema."""

from collections.abc import Iterator
from enum import IntEnum
from hashlib import sha256
from importlib.resources import files

import asyncpg

from app.contract.postgres import Connection
from app.contract.sql import load_sql
from archiver.errors import EditedMigration

CONNECT_SECONDS = 5
# Longest wait for the answer to one statement; a job's deadline is 30 s.
COMMAND_SECONDS = 25
MIGRATION_SECONDS = 6 * 3600
# application_name of the connection that stores batches: by this name a new leader finds its predecessors'.
WRITER_NAME = "modepulse-writer"

SET_PARAMETER = load_sql("archiver", "set_parameter")
TRY_LOCK = load_sql("archiver", "try_lock")
WAIT_FOR_LOCK = load_sql("archiver", "wait_for_lock")
MIGRATIONS_TABLE = load_sql("archiver", "migrations_table")
APPLIED_MIGRATIONS = load_sql("archiver", "applied_migrations")
RECORD_MIGRATION = load_sql("archiver", "record_migration")
GRANT_API = load_sql("archiver", "grant_api")


class AdvisoryLock(IntEnum):
    """Keys of the database's advisory locks; "mode" in ASCII, then a number."""

    MIGRATION = 0x6D6F6465_0001
    LEADER = 0x6D6F6465_0002
    REBUILD = 0x6D6F6465_0003


async def connect(dsn: str, patient: bool = False, name: str = "modepulse-archiver") -> Connection:
    """One connection that gives up rather than hang. `patient`: no time-outs, for recovery, verify and retention.

    Raises PostgresError, OSError, TimeoutError.
    """
    return await asyncpg.connect(
        dsn,
        timeout=CONNECT_SECONDS,
        command_timeout=None if patient else COMMAND_SECONDS,
        server_settings={
            "application_name": name,
            "synchronous_commit": "on",
            "lock_timeout": "5s",
            "statement_timeout": "0" if patient else "8s",
            "idle_in_transaction_session_timeout": "0" if patient else "5s",
            "timezone": "UTC",
            # A batch touches few rows of large tables, each found by its key: never a reason to read a whole one.
            "enable_hashjoin": "off",
            "enable_mergejoin": "off",
        },
    )


async def set_parameter(connection: Connection, name: str, value: str, *, local: bool) -> None:
    """Sets a configuration parameter, `local` to the transaction or for the rest of the session."""
    await connection.execute(SET_PARAMETER, name, value, local)


async def try_lock(connection: Connection, lock: AdvisoryLock) -> bool:
    """Whether the lock could be had at once; it is held until the connection ends."""
    return bool(await connection.fetchval(TRY_LOCK, lock))


async def migrate(connection: Connection) -> list[str]:
    """Applies the missing files of archiver/migrations in one transaction; returns their names. May take minutes.
    Then the service is granted what it writes.

    Raises EditedMigration. A file that was applied before checksums were kept counts as unedited: its checksum is
    noted now.
    """
    applied = []
    async with connection.transaction():
        await set_parameter(connection, "statement_timeout", "0", local=True)
        await connection.execute(WAIT_FOR_LOCK, AdvisoryLock.MIGRATION)
        await connection.execute(MIGRATIONS_TABLE)
        known = {row["name"]: row["sha256"] for row in await connection.fetch(APPLIED_MIGRATIONS)}
        for name, text in _migration_files():
            checksum = sha256(text.encode()).hexdigest()
            if known.get(name) == checksum:
                continue
            if known.get(name) is not None:
                raise EditedMigration(name)
            if name not in known:
                await connection.execute(text, timeout=MIGRATION_SECONDS)
                applied.append(name)
            await connection.execute(RECORD_MIGRATION, name, checksum)
        await connection.execute(GRANT_API)
    return applied


def _migration_files() -> Iterator[tuple[str, str]]:
    """(name, text) in the order of their numbers."""
    for file in sorted((files("archiver") / "migrations").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".sql"):
            yield file.name, file.read_text()
