"""What Postgres says: who leads, how the archiver's jobs go, how far each partition is archived."""

from dataclasses import dataclass, field
from typing import Any

import asyncpg

from app.contract.log import StreamId
from app.contract.sql import load_sql
from app.contract.versions import postgres_server
from archiver.postgres import AdvisoryLock
from modepulse.status.redis_side import Position

SECONDS = 3.0

LEADER = load_sql("modepulse", "leader")
JOBS = load_sql("modepulse", "jobs")
CHECKPOINTS = load_sql("modepulse", "checkpoints")


@dataclass
class Job:
    """A job of the archiver. Times are seconds since then; None: never, or not so."""

    name: str
    every: float
    succeeded: float | None
    failing: float | None
    error: str | None
    archiver: str
    version: str

    def to_json(self) -> dict[str, Any]:
        """Its fields, with whole tenths of seconds."""
        return {name: round(value, 1) if isinstance(value, float) else value for name, value in vars(self).items()}


@dataclass
class PostgresSide:
    """By partition where it says `dict`."""

    server: str
    led: bool = False
    """Whether an archiver holds the lock of the leader."""
    jobs: list[Job] = field(default_factory=list)
    epochs: dict[int, str] = field(default_factory=dict)
    archived: dict[int, Position] = field(default_factory=dict)
    healing: list[int] = field(default_factory=list)

    @property
    def leader(self) -> Job | None:
        """The leader's own job, which says who and of which version it is."""
        return next((job for job in self.jobs if job.name == "lead"), None) if self.led else None


async def read_postgres(dsn: str) -> PostgresSide:
    """What is not there yet is left out: the archiver may not have made it. Raises Postgres's errors."""
    connection = await asyncpg.connect(
        dsn, timeout=SECONDS, command_timeout=SECONDS, server_settings={"application_name": "modepulse-status"}
    )
    try:
        side = PostgresSide(postgres_server(connection), led=await connection.fetchval(LEADER, AdvisoryLock.LEADER))
        try:
            for row in await connection.fetch(CHECKPOINTS):
                partition = row["partition"]
                side.epochs[partition] = row["epoch"]
                last = StreamId(row["last_ms"], row["last_seq"])
                # After a rewind nothing is known of the log.
                side.archived[partition] = Position(last, row["entries_added"] if row["run_id"] else 0)
                if row["healing"]:
                    side.healing.append(partition)
            for row in await connection.fetch(JOBS):
                side.jobs.append(
                    Job(
                        name=row["job"],
                        every=row["every_seconds"],
                        succeeded=row["succeeded"],
                        failing=row["failing"],
                        error=row["error"],
                        archiver=row["archiver"],
                        version=row["version"],
                    )
                )
        except asyncpg.UndefinedTableError:
            pass
        return side
    finally:
        connection.terminate()
