"""API keys: copied from Redis to Postgres and back, so that neither store alone can lose them."""

import time

import asyncpg
from redis.asyncio import Redis

from app.contract.api_key import ApiKey, Scope, newest
from app.contract.key_store import KeptKeys, forget_keys, read_keys, write_key
from app.contract.postgres import Connection, Record
from app.contract.sql import load_sql

# Redis, which is read twice a second, forgets keys this long after they ended. Postgres keeps them.
FORGET_SECONDS = 30 * 86_400

API_KEYS = load_sql("archiver", "api_keys")
STORE_API_KEY = load_sql("archiver", "store_api_key")


async def read_stored(postgres: Connection) -> dict[str, ApiKey]:
    """The keys in Postgres, by id; none before the first start of an archiver. Raises Postgres's errors."""
    try:
        rows = await postgres.fetch(API_KEYS)
    except asyncpg.UndefinedTableError:
        return {}
    keys = (_of_row(row) for row in rows)
    return {key.id: key for key in keys if key is not None}


async def synchronise(redis: Redis, postgres: Connection, epoch: str) -> None:
    """Gives each side the newer keys of the other, if Redis is the one that `epoch` belongs to.

    Raises RedisError and Postgres's errors.
    """
    kept = await read_keys(redis)
    if kept.epoch == epoch:
        stored = await _store(postgres, kept)
        await _restore(redis, stored, kept.keys)


async def store_keys(redis: Redis, postgres: Connection) -> None:
    """From Redis to Postgres only. Raises RedisError and Postgres's errors."""
    await _store(postgres, await read_keys(redis))


async def restore_keys(redis: Redis, postgres: Connection) -> None:
    """From Postgres to Redis only. Raises RedisError and Postgres's errors."""
    await _restore(redis, await read_stored(postgres), {})


async def forget_ended(redis: Redis, postgres: Connection, epoch: str, seen: frozenset[str]) -> frozenset[str]:
    """Takes keys out of Redis that ended long ago and were `seen` there as such before: by now every process knows.

    Returns those to be seen next time. Raises RedisError and Postgres's errors.
    """
    kept = await read_keys(redis)
    if kept.epoch != epoch:
        return frozenset()
    long_ago = time.time() - FORGET_SECONDS
    stored = await read_stored(postgres)
    ended = {key.id for key in kept.keys.values() if _ended_before(key, long_ago) and stored.get(key.id) == key}
    if forgotten := ended & seen:
        await forget_keys(redis, sorted(forgotten))
    return frozenset(ended - forgotten)


async def _store(postgres: Connection, kept: KeptKeys) -> dict[str, ApiKey]:
    """Returns what Postgres has then."""
    stored = await read_stored(postgres)
    for key in kept.keys.values():
        if newest(stored.get(key.id), key) != stored.get(key.id):
            times = (key.created_at, key.expires_at, key.revoked_at)
            await postgres.execute(STORE_API_KEY, key.id, key.name, list(key.scopes), key.digest, key.rate, *times)
            stored[key.id] = key
    return stored


async def _restore(redis: Redis, stored: dict[str, ApiKey], kept: dict[str, ApiKey]) -> None:
    long_ago = time.time() - FORGET_SECONDS
    for key in stored.values():
        known = kept.get(key.id)
        forgotten = known is None and _ended_before(key, long_ago)
        if not forgotten and newest(known, key) != known:
            await write_key(redis, key)


def _ended_before(key: ApiKey, time_: float) -> bool:
    ended = [at for at in (key.revoked_at, key.expires_at) if at is not None]
    return bool(ended) and min(ended) < time_


def _of_row(row: Record) -> ApiKey | None:
    """None for a key with a scope of a later version."""
    try:
        return ApiKey(**{**row, "scopes": tuple(map(Scope, row["scopes"]))})
    except ValueError:
        return None
