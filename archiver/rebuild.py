"""Rebuilds the live state of a Redis from Postgres alone, beside the old one, then exchanges the two in one step."""

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.contract.area_mode import join_area_mode
from app.contract.connection import connect
from app.contract.keys import BUILDING, PARTITIONS, SECRET, Keys, keys_of, partition_of
from app.contract.log import StreamId, format_entry, format_line
from app.contract.outcome import EventKind
from app.contract.postgres import Connection, Record
from app.contract.sql import load_sql
from app.contract.token import new_token
from app.settings import Settings
from archiver import api_keys
from archiver.checkpoint import Checkpoint, change_epoch, open_checkpoint, read_checkpoint, rewind, top_position
from archiver.errors import Busy
from archiver.postgres import AdvisoryLock, migrate, try_lock
from archiver.postgres import connect as connect_postgres
from archiver.recount import recount
from archiver.salvage import salvage
from archiver.stored import Stored

log = logging.getLogger(__name__)

PIPELINE_SESSIONS = 2000
# An entry is read as a whole, and several at a time: one that holds Redis for long would do so again and again.
ENTRY_LINES = 200

LIVE_SESSIONS = load_sql("archiver", "live_sessions")
AGGREGATE = load_sql("archiver", "aggregate")


def _silent(_: int) -> None:
    pass


async def rebuild(
    settings: Settings, redis: Redis, progress: Callable[[int], None] = _silent, stored: Stored | None = None
) -> int:
    """Returns how many sessions were read. Raises Busy, EditedMigration, RedisError and Postgres's errors.

    `progress` is called with their number so far; `stored` is added to by what was still to be archived.

    The partitions are closed first, and what their logs still hold is archived. The new state grows in the next
    database of the same server and takes the old one's place by SWAPDB; until then nothing of the old is touched.
    Killed at any moment, it leaves the partitions closed, and the archiver runs it again.
    """
    postgres = await connect_postgres(settings.postgres_dsn, patient=True)
    staging = _staging(settings, redis)
    try:
        await migrate(postgres)
        if not await try_lock(postgres, AdvisoryLock.REBUILD):
            raise Busy
        return await _rebuild(settings, redis, staging, postgres, progress, stored or Stored())
    finally:
        postgres.terminate()
        await staging.aclose()


async def _rebuild(
    settings: Settings,
    redis: Redis,
    staging: Redis,
    postgres: Connection,
    progress: Callable[[int], None],
    stored: Stored,
) -> int:
    checkpoints = [
        await read_checkpoint(postgres, p) or await open_checkpoint(postgres, p, new_token())
        for p in range(settings.partitions)
    ]
    foreign = await _close(redis, checkpoints)
    try:
        if not foreign:
            await api_keys.store_keys(redis, postgres)
        for checkpoint in checkpoints:
            if checkpoint.partition not in foreign:
                stored.add(await salvage(redis, postgres, checkpoint.partition))
        sessions = await _build(settings, staging, postgres, progress)
    except BaseException:
        await _reopen(redis, checkpoints, foreign)
        raise
    await _exchange(settings, redis, staging, postgres, checkpoints)
    if not foreign:
        # Where the former state is now. Keys that were made or revoked while the new one grew are in there only.
        await api_keys.store_keys(staging, postgres)
        await api_keys.restore_keys(redis, postgres)
        await staging.execute_command("FLUSHDB", "ASYNC")
    log.warning("Live state rebuilt", extra={"action": "rebuild", "sessions": sessions, "foreign": sorted(foreign)})
    return sessions


def _staging(settings: Settings, redis: Redis) -> Redis:
    """A client of the database after the live one."""
    staging = connect(settings, seconds=60)
    staging.connection_pool.connection_kwargs["db"] = _live_database(redis) + 1
    return staging


def _live_database(redis: Redis) -> int:
    return int(redis.connection_pool.connection_kwargs.get("db") or 0)


async def _close(redis: Redis, checkpoints: list[Checkpoint]) -> set[int]:
    """Deletes our epochs, which closes the partitions; returns those that hold another Redis's epoch."""
    foreign = set()
    for checkpoint in checkpoints:
        key = keys_of(checkpoint.partition).epoch
        epoch: Any = await redis.get(key)
        if epoch is None:
            continue
        if epoch.decode() == checkpoint.epoch:
            await redis.delete(key)
        else:
            foreign.add(checkpoint.partition)
    return foreign


async def _reopen(redis: Redis, checkpoints: list[Checkpoint], foreign: set[int]) -> None:
    """After a failure: nothing was changed, so a Redis that holds its log goes on. A wiped one stays closed."""
    for checkpoint in checkpoints:
        keys = keys_of(checkpoint.partition)
        try:
            if checkpoint.partition not in foreign and await redis.exists(keys.events):
                await redis.set(keys.epoch, checkpoint.epoch, nx=True)
        except RedisError:
            log.exception("A partition stays closed", extra={"action": "rebuild"})


async def _build(settings: Settings, staging: Redis, postgres: Connection, progress: Callable[[int], None]) -> int:
    """Writes sessions, counters and the start of a log for every partition; returns the number of sessions."""
    # What a rebuild that was killed has left may be as large as the live state.
    await staging.execute_command("FLUSHDB", "ASYNC")
    await staging.set(BUILDING, 1)
    await api_keys.restore_keys(staging, postgres)
    total = 0
    for partition in range(settings.partitions):
        keys = keys_of(partition)
        seconds, micros = await staging.time()
        oldest = seconds + micros / 1_000_000 - settings.session_lease_seconds
        counters: Counter[tuple[str, str]] = Counter()
        async with postgres.transaction():
            cursor = await postgres.cursor(LIVE_SESSIONS, partition, float(oldest))
            while rows := await cursor.fetch(PIPELINE_SESSIONS):
                await _write_sessions(settings, staging, keys, rows, counters)
                total += len(rows)
                progress(total)
        await _write_counters(staging, keys, counters)
        await _write_log_start(settings, staging, postgres, partition, counters)
        await recount(staging, keys)
    return total


async def _write_sessions(
    settings: Settings, staging: Redis, keys: Keys, rows: list[Record], counters: Counter[tuple[str, str]]
) -> None:
    """Writes sessions and their places in the timer wheel; adds the active ones to `counters`."""
    bucket_seconds = settings.expiry_bucket_seconds
    buckets: dict[int, list[str]] = {}
    async with staging.pipeline(transaction=False) as pipeline:
        for row in rows:
            if row["events_name"] == EventKind.EXPIRE:
                continue
            user, area, mode = row["user_id"], row["area_code"], row["multiplayer_mode"]
            at = round(row["epoch_timestamp"] * 1_000_000)
            active = row["events_name"] != EventKind.LOGOUT
            pipeline.execute_command("ZADD", keys.user(user), at if active else -at, join_area_mode(area, mode))
            counters[area, mode] += active
            due = -(-(at + settings.lease_us) // (bucket_seconds * 1_000_000)) * bucket_seconds
            buckets.setdefault(due, []).append(f"{user}|{join_area_mode(area, mode)}")
        for due, sessions in buckets.items():
            pipeline.execute_command("ZADD", keys.expiry, due, due)
            pipeline.execute_command("RPUSH", keys.expiry_bucket(due), *sessions)
        if pipeline.command_stack:
            await pipeline.execute()


async def _write_counters(staging: Redis, keys: Keys, counters: Counter[tuple[str, str]]) -> None:
    async with staging.pipeline(transaction=False) as pipeline:
        for (area, mode), count in counters.items():
            pipeline.execute_command("SADD", keys.areas, area)
            if count:
                pipeline.execute_command("ZADD", keys.area(area), count, mode)
        if pipeline.command_stack:
            await pipeline.execute()


async def _write_log_start(
    settings: Settings, staging: Redis, postgres: Connection, partition: int, counters: Counter[tuple[str, str]]
) -> None:
    """Writes the new log's first entry, above every archived id: HEAL lines that make the sums the counters.

    Sessions whose lease ended while there was no Redis never got their EXPIRE; a HEAL takes them out.
    """
    lines = []
    for row in await postgres.fetch(AGGREGATE):
        area, mode = row["area_code"], row["multiplayer_mode"]
        if partition_of(area, settings.partitions) == partition:
            difference = counters.pop((area, mode), 0) - row["count"]
            if difference:
                lines.append(_correction(difference, area, mode))
    lines += [_correction(count, area, mode) for (area, mode), count in counters.items() if count]
    seconds, micros = await staging.time()
    milliseconds = seconds * 1000 + micros // 1000
    top = await top_position(postgres, partition)
    at = seconds * 1_000_000 + micros
    for number, start in enumerate(range(0, max(1, len(lines)), ENTRY_LINES)):
        at_id = StreamId(max(milliseconds, top.ms + 1), number)
        fields = format_entry(new_token(), at, lines[start : start + ENTRY_LINES])
        await staging.execute_command("XADD", keys_of(partition).events, str(at_id), *fields)


def _correction(delta: int, area: str, mode: str) -> str:
    """The log line for a counter that moves by `delta` without an event; of no user, at the entry's time."""
    return format_line(EventKind.HEAL, delta, area, mode, "-", "+0")


async def _exchange(
    settings: Settings, redis: Redis, staging: Redis, postgres: Connection, checkpoints: list[Checkpoint]
) -> None:
    """Writes the new epochs to Postgres, then swaps the databases: in between the partitions are closed.

    Raises RedisError when the new state is no longer complete.
    """
    if not await staging.delete(BUILDING):
        raise RedisError("the new state was wiped while it was built")
    epochs = [new_token() for _ in checkpoints]
    async with postgres.transaction():
        for checkpoint, epoch in zip(checkpoints, epochs, strict=True):
            await rewind(postgres, checkpoint, healing=False)
            await change_epoch(postgres, checkpoint.partition, epoch)
    await staging.set(PARTITIONS, settings.partitions)
    # What the API has signed stays valid, though none of its processes may run now that could write it again.
    if secret := await redis.get(SECRET):
        await staging.set(SECRET, secret)
    for checkpoint, epoch in zip(checkpoints, epochs, strict=True):
        await staging.set(keys_of(checkpoint.partition).epoch, epoch)
    live = _live_database(redis)
    await redis.execute_command("SWAPDB", live, live + 1)
