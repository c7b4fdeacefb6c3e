"""A Redis that came back older than the archive: what it lost is found by identity and given back.

Exact, because an entry of the log and its effects are one transaction in the AOF: an entry that is there has
its effects there, and one that is missing has none. What is retained of the log is at least the newest 10,000
entries, so all that can be missing stands in Postgres behind the first entry that is there.
"""

import logging
from typing import Any

from redis.asyncio import Redis

from app.contract.area_mode import join_area_mode
from app.contract.keys import keys_of
from app.contract.log import LOG_START, StreamId, fields_of, token_of
from app.contract.sql import load_sql
from app.contract.token import new_token
from app.settings import Settings
from archiver import batches, stream
from lua import heal_events

log = logging.getLogger(__name__)

CALL_EVENTS = 200

STORED_TOKENS = load_sql("archiver", "stored_tokens")
LOST_EVENTS = load_sql("archiver", "lost_events")


async def heal(settings: Settings, redis: Redis, checkpoint: batches.Checkpoint) -> int:
    """Gives back what is missing and lets the archive read the log anew. Returns how many events were given back.

    Safe while events come in, and to be killed and run again: what is given back is logged with its identity.
    """
    postgres = await batches.connect(settings.postgres_dsn, patient=True)
    try:
        return await _heal(settings, redis, postgres, checkpoint)
    finally:
        postgres.terminate()


async def _heal(settings: Settings, redis: Redis, postgres: Any, checkpoint: batches.Checkpoint) -> int:
    if not checkpoint.healing:
        checkpoint = await batches.rewind(postgres, checkpoint, healing=True)
    partition = checkpoint.partition
    first, tokens, healed = await _retained(redis, partition)
    stored = await postgres.fetch(STORED_TOKENS, partition, *first)
    lost = [row["token"] for row in stored if row["token"] not in tokens]
    rows = await postgres.fetch(LOST_EVENTS, partition, *first, lost) if lost else []
    missing = [row for row in rows if row["event_id"].hex not in healed]
    for start in range(0, len(missing), CALL_EVENTS):
        await _give_back(settings, redis, checkpoint, missing[start : start + CALL_EVENTS])
    await _fence(redis, postgres, partition)
    await batches.rewind(postgres, checkpoint, healing=False)
    log.warning(
        "Redis had lost archived events; they were given back",
        extra={"action": "heal", "partition": partition, "calls": len(lost), "events": len(missing)},
    )
    return len(missing)


async def _retained(redis: Redis, partition: int) -> tuple[StreamId, set[str], set[str]]:
    """(first id, tokens, identities that were given back before) of what the log still holds."""
    tokens: set[str] = set()
    healed: set[str] = set()
    first: StreamId | None = None
    async for entries in stream.pages(redis, partition, LOG_START):
        for entry in entries:
            first = first or entry.id
            named = fields_of(entry)
            if b"healed" in named:
                healed.update(named[b"healed"].decode().split(","))
            tokens.add(token_of(entry))
    return first or LOG_START, tokens, healed


async def _give_back(settings: Settings, redis: Redis, checkpoint: batches.Checkpoint, rows: list[Any]) -> None:
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
    await heal_events(redis, [keys.epoch, keys.events, keys.areas, keys.expiry], args)


async def _fence(redis: Redis, postgres: Any, partition: int) -> None:
    """Lets no new entry get an id that an archived one had: positions are an order again."""
    top = await batches.top_position(postgres, partition)
    seen = await stream.read(redis, partition, LOG_START, 1)
    if seen.last_id < top:
        await redis.execute_command("XSETID", keys_of(partition).events, str(top))
