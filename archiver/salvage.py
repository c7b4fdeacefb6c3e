"""Archives the rest of a log that is about to be replaced."""

from redis.asyncio import Redis

from app.contract.log import LOG_START, decode
from app.contract.postgres import Connection
from archiver import stream
from archiver.batches import store_leftovers
from archiver.stored import Stored


async def salvage(redis: Redis, postgres: Connection, partition: int) -> Stored:
    """Stores what the log still holds; what is archived already changes nothing. Raises the stores' errors."""
    stored = Stored()
    async for entries in stream.pages(redis, partition, LOG_START):
        rows, rejects = decode(partition, entries)
        stored.add(await store_leftovers(postgres, rows, rejects))
    return stored
