"""The API keys in Redis, as all processes read and write them."""

from dataclasses import dataclass, field

from redis.asyncio import Redis

from app.contract.api_key import ApiKey
from app.contract.keys import API_KEYS, keys_of
from lua import keep_api_key


@dataclass(frozen=True)
class KeptKeys:
    """What Redis holds."""

    keys: dict[str, ApiKey] = field(default_factory=dict)
    """By id."""
    unreadable: frozenset[str] = frozenset()
    """Ids of entries that are no keys."""
    epoch: str = ""
    """Of partition 0, before and after. Without one the keys may be lost: they come back with the rebuild."""

    def has_valid(self, now: float) -> bool:
        """Whether somebody could use the service with one of them."""
        return any(key.is_valid(now) for key in self.keys.values())


async def read_keys(redis: Redis) -> KeptKeys:
    """Raises RedisError."""
    epoch, entries = await read_entries(redis)
    return parse_entries(epoch, entries)


async def read_entries(redis: Redis) -> tuple[str, dict[bytes, bytes]]:
    """(epoch of partition 0, id -> JSON); no epoch when it changed meanwhile. Raises RedisError.

    Not as a transaction: a Redis 7.0 whose memory is full refuses any, and keys must be revocable then, too.
    """
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.get(keys_of(0).epoch)
        pipeline.hgetall(API_KEYS)
        pipeline.get(keys_of(0).epoch)
        before, entries, after = await pipeline.execute()
    return (before or b"").decode() if before == after else "", entries


def parse_entries(epoch: str, entries: dict[bytes, bytes]) -> KeptKeys:
    """What `read_entries` read."""
    keys: dict[str, ApiKey] = {}
    unreadable: set[str] = set()
    for name, text in entries.items():
        identity = name.decode(errors="replace")
        try:
            key = ApiKey.from_json(text)
        except ValueError:
            unreadable.add(identity)
            continue
        if key.id == identity:
            keys[identity] = key
        else:
            unreadable.add(identity)
    return KeptKeys(keys, frozenset(unreadable), epoch)


async def forget_keys(redis: Redis, identities: list[str]) -> None:
    """Takes keys out that ended long ago and are stored elsewhere. Raises RedisError."""
    await redis.hdel(API_KEYS, *identities)


async def write_key(redis: Redis, key: ApiKey) -> None:
    """Keeps a key, unless a revoked copy is there. Raises RedisError."""
    await keep_api_key(redis, [API_KEYS], [key.id, key.to_json().decode()])
