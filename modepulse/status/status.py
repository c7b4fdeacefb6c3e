"""All sides put together: whether events are taken, and what needs somebody's attention."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from redis.exceptions import RedisError

from app.contract.connection import connect
from app.contract.postgres import POSTGRES_ERRORS
from app.contract.versions import own_version
from app.settings import Settings
from modepulse.status.api_side import ApiSide, read_api
from modepulse.status.postgres_side import Job, PostgresSide, read_postgres
from modepulse.status.redis_side import Lag, RedisSide, events_per_second, read_lag, read_redis
from modepulse.store_error import describe

# Beyond it events wait for Postgres for too long.
LAG_SECONDS = 60
# A job is late when it has missed three turns, and the time in which the archiver reports them.
TURNS, REPORT_SECONDS = 3, 15
# Of what Redis may hold before events are refused.
NEARLY_FULL = 0.9
REASONS = {
    "redis_unavailable": "the API does not reach Redis",
    "partition_closed": "Redis is empty or not the one that was archived; the archiver rebuilds it, if it runs",
    "keys_unknown": "the API has not read the keys yet",
    "settings_mismatch": "MODEPULSE_PARTITIONS is not what Redis was opened with",
}


class Verdict(IntEnum):
    """The exit code of `modepulse status`; 2 is for arguments and settings, as everywhere."""

    WELL = 0
    NOT_READY = 1
    ATTENTION = 3


@dataclass
class Status:
    """What was found. A side is None if it was not asked or does not answer; then the error says why."""

    api: ApiSide | None
    redis: RedisSide | None
    redis_error: str
    postgres: PostgresSide | None
    postgres_error: str
    lag: Lag | None
    rate: float | None
    memory_limit: int
    """Bytes beyond which events are refused; 0: none."""

    @property
    def reason(self) -> str:
        """Why events are not taken; empty when they are."""
        if self.redis is None:
            return f"Redis: {self.redis_error}"
        if self.api is not None and not self.api.ready:
            return REASONS.get(self.api.reason, f"the API at {self.api.url}: {self.api.reason}")
        if not self.redis.opened or not all(self.redis.epochs.values()):
            return REASONS["partition_closed"]
        if self.memory_limit and self.redis.memory_bytes >= self.memory_limit:
            return "Redis is nearly full: POST /events gets 503 memory_full"
        return ""

    @property
    def attention(self) -> list[str]:
        """What does not keep events from being taken, but should not stay so."""
        return list(self._attention())

    @property
    def verdict(self) -> Verdict:
        """In one number."""
        return Verdict.NOT_READY if self.reason else Verdict.ATTENTION if self.attention else Verdict.WELL

    def _attention(self) -> Iterator[str]:
        if self.redis is not None:
            for setting in self.redis.degraded or ():
                yield f"durability is degraded: Redis has {setting}"
            share = self.redis.memory_bytes / self.memory_limit if self.memory_limit else 0
            if NEARLY_FULL <= share < 1:
                yield f"Redis uses {share:.0%} of what it may hold before events are refused"
        if self.postgres is None:
            yield f"Postgres: {self.postgres_error}; events wait in Redis's log"
        else:
            yield from self._archiver(self.postgres)
        if self.lag is not None and self.lag.seconds > LAG_SECONDS:
            yield f"the archive is {self.lag.seconds:.0f} s behind"
        if self.api is not None and self.api.version not in ("", own_version()):
            yield f"the API is version {self.api.version}, this command {own_version()}"

    def _archiver(self, postgres: PostgresSide) -> Iterator[str]:
        if not postgres.led:
            yield "no archiver leads: nothing is archived, no session expires"
            return
        for partition in postgres.healing:
            yield f"partition {partition} is being healed: Redis had lost archived events"
        for job in postgres.jobs:
            if problem := _problem_of(job):
                yield problem
        if (leader := postgres.leader) is not None and leader.version != own_version():
            yield f"the archiver is version {leader.version}, this command {own_version()}"

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints; docs/settings.md names the fields."""
        redis, postgres = self.redis, self.postgres
        leader = postgres.leader if postgres is not None else None
        return {
            "ready": not self.reason,
            "reason": self.reason,
            "attention": self.attention,
            "version": own_version(),
            "api": vars(self.api) if self.api is not None else None,
            "events_per_second": self.rate,
            "sessions": redis.sessions if redis is not None else None,
            "areas": redis.areas if redis is not None else None,
            "archive": None
            if self.lag is None
            else {"lag_events": self.lag.events, "exact": self.lag.exact, "lag_seconds": self.lag.seconds},
            "log_entries": redis.log_entries if redis is not None else None,
            "leader": leader.archiver if leader is not None else None,
            "led": postgres.led if postgres is not None else None,
            "jobs": [job.to_json() for job in postgres.jobs] if postgres is not None else [],
            "redis": None
            if redis is None
            else {
                "server": redis.server,
                "uptime_seconds": redis.uptime_seconds,
                "memory_bytes": redis.memory_bytes,
                "maxmemory_bytes": redis.maxmemory_bytes,
                "memory_limit_bytes": self.memory_limit,
                "degraded": redis.degraded,
                "partitions": len(redis.epochs),
            },
            "redis_error": self.redis_error,
            "postgres": {"server": postgres.server} if postgres is not None else None,
            "postgres_error": self.postgres_error,
        }


def _problem_of(job: Job) -> str:
    if job.failing is not None:
        return f"job {job.name} has failed for {job.failing:.0f} s: {job.error}"
    if job.succeeded is not None and job.succeeded > TURNS * job.every + REPORT_SECONDS:
        return f"job {job.name} last succeeded {job.succeeded:.0f} s ago, and should run every {job.every:g} s"
    return ""


async def read_status(settings: Settings, url: str) -> Status:
    """Asks all sides. Without `url` the API is not asked; without a DSN Postgres is not."""
    client = connect(settings)
    postgres, postgres_error, redis_error = None, "", ""
    redis = lag = rate = None
    api = asyncio.create_task(_api(url))
    try:
        rate = await events_per_second(client)
        # One after the other, and the log last: what is archived meanwhile is not taken for waiting.
        redis = await read_redis(client, settings.partitions)
        postgres, postgres_error = await _postgres(settings.postgres_dsn)
        known = redis.archived | (postgres.archived if postgres is not None else {})
        lag = await read_lag(client, {partition: known[partition] for partition in redis.archived})
    except RedisError as error:
        redis, redis_error = None, describe(error)
        if postgres is None:
            postgres, postgres_error = await _postgres(settings.postgres_dsn)
    finally:
        await client.aclose()
    limit = round(settings.memory_share * redis.maxmemory_bytes) if redis is not None else 0
    return Status(await api, redis, redis_error, postgres, postgres_error, lag, rate, limit)


async def _postgres(dsn: str) -> tuple[PostgresSide | None, str]:
    if not dsn:
        return None, "MODEPULSE_POSTGRES_DSN is not set"
    try:
        return await read_postgres(dsn), ""
    except POSTGRES_ERRORS as error:
        return None, describe(error)


async def _api(url: str) -> ApiSide | None:
    return await read_api(url) if url else None
