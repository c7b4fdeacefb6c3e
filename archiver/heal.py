"""Heals a Redis that came back older than the archive: what it lost is found by identity and submitted again.

Exact, because a log entry and its effects are one transaction in the AOF: an entry that is there has its effects
there, and one that is missing has none. The log retains at least its newest 10,000 entries, so whatever is missing
was archived behind the first entry that is left.
"""

import logging
from typing import NamedTuple

from redis.asyncio import Redis

from app.contract.area_mode import join_area_mode
from app.contract.keys import keys_of
from app.contract.log import LOG_START, StreamId, fields_of, token_of
from app.contract.postgres import Connection, Record
from app.contract.sql import load_sql
from app.contract.token import new_token
from app.settings import Settings
from archiver import stream
from archiver.checkpoint import Checkpoint, read_checkpoint, rewind, top_position
from archiver.errors import LostTail, Superseded
from archiver.postgres import connect
from lua import heal_events

log = logging.getLogger(__name__)

CALL_EVENTS = 200

STORED_TOKENS = load_sql("archiver", "stored_tokens")
LOST_EVENTS = load_sql("archiver", "lost_events")


class RetainedLog(NamedTuple):
    """What the log still holds."""

    first: StreamId
    """Its oldest entry; LOG_START when it is empty."""
    tokens: set[str]
    """Of the calls."""
    healed: set[str]
    """Identities of events that an earlier heal has submitted, in hexadecimal digits."""


async def heal(settings: Settings, redis: Redis, loss: LostTail) -> int:
    """Submits the missing events again and lets the archiver read the log anew. Returns how many were missing.

    Safe while events come in, and safe to be killed and run again: what is submitted is logged with its identity.
    Raises Superseded when another archiver has healed meanwhile, RedisError and Postgres's errors.
    """
    postgres = await connect(settings.postgres_dsn, patient=True)
    try:
        checkpoint = await read_checkpoint(postgres, loss.partition)
        if checkpoint is None or checkpoint.generation != loss.generation:
            raise Superseded
        return await _heal(settings, redis, postgres, checkpoint)
    finally:
        postgres.terminate()


async def _heal(settings: Settings, redis: Redis, postgres: Connection, checkpoint: Checkpoint) -> int:
    if not checkpoint.healing:
        checkpoint = await rewind(postgres, checkpoint, healing=True)
    partition = checkpoint.partition
    retained = await _read_retained(redis, partition)
    first = retained.first
    stored = await postgres.fetch(STORED_TOKENS, partition, first.ms, first.seq)
    lost = [row["token"] for row in stored if row["token"] not in retained.tokens]
    rows = await postgres.fetch(LOST_EVENTS, partition, first.ms, first.seq, lost) if lost else []
    missing = [row for row in rows if row["event_id"].hex not in retained.healed]
    for start in range(0, len(missing), CALL_EVENTS):
        await _resubmit(settings, redis, checkpoint, missing[start : start + CALL_EVENTS])
    await _fence(redis, postgres, partition)
    await rewind(postgres, checkpoint, healing=False)
    log.warning(
        "Redis had lost archived events; they were submitted again",
        extra={"action": "heal", "partition": partition, "calls": len(lost), "events": len(missing)},
    )
    return len(missing)


async def _read_retained(redis: Redis, partition: int) -> RetainedLog:
    tokens: set[str] = set()
    healed: set[str] = set()
    first: StreamId | None = None
    async for entries in stream.pages(redis, partition, LOG_START):
        for entry in entries:
            first = first or entry.id
            identities = fields_of(entry).get(b"healed")
            if identities is not None:
                healed.update(identities.decode().split(","))
            tokens.add(token_of(entry))
    return RetainedLog(first or LOG_START, tokens, healed)


async def _resubmit(settings: Settings, redis: Redis, checkpoint: Checkpoint, rows: list[Record]) -> None:
    """Runs lost events through the session rule again, in one script call."""
    keys = keys_of(checkpoint.partition)
    identities = ",".join(row["event_id"].hex for row in rows)
    args: list[str | int] = [
        checkpoint.epoch,
        new_token(),
        settings.lease_us,
        settings.expiry_bucket_seconds,
        identities,
    ]
    for row in rows:
        area_mode = join_area_mode(row["area_code"], row["multiplayer_mode"])
        at = round(row["epoch_timestamp"] * 1_000_000)
        args += [row["user_id"], area_mode, row["events_name"], str(at), row["delta"]]
    await heal_events(redis, [keys.epoch, keys.events, keys.areas, keys.expiry, keys.mode_players], args)


async def _fence(redis: Redis, postgres: Connection, partition: int) -> None:
    """Raises the log's next id above every archived one, so that positions are an order again."""
    top = await top_position(postgres, partition)
    snapshot = await stream.read(redis, partition, LOG_START, 1)
    if snapshot.last_id < top:
        await redis.execute_command("XSETID", keys_of(partition).events, str(top))
