"""The API keys, in memory: every request asks for its own."""

import hmac
import logging

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.contract.api_key import ApiKey, newest
from app.contract.key_store import parse_entries, read_entries, write_key
from app.errors import Unavailable

log = logging.getLogger(__name__)


class Keyring:
    """As Redis had them when it was last read. What was learnt is never forgotten: a Redis that lost its keys, or only
    a revocation, changes nothing here, and gets it back from the archiver.

    `known` is False until Redis has shown its keys once. One without an epoch has not: it may have been wiped, and its
    keys come back with the rebuild.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._entries: dict[bytes, bytes] = {}  # as read last
        self._keys: dict[str, ApiKey] = {}
        self._by_digest: dict[str, ApiKey] = {}
        self._failed = False
        self._unreadable: frozenset[str] = frozenset()
        self.known = False

    def __bool__(self) -> bool:
        """Whether there is any, or was."""
        return bool(self._keys or self._unreadable)

    def all(self) -> list[ApiKey]:
        """Revoked and expired ones included, the oldest first."""
        return sorted(self._keys.values(), key=lambda key: (key.created_at, key.id))

    def get(self, identity: str) -> ApiKey | None:
        """By its id."""
        return self._keys.get(identity)

    def find(self, digest: str) -> ApiKey | None:
        """By its digest. The dictionary compares hashes that are seeded at random, the rest takes constant time."""
        key = self._by_digest.get(digest)
        return key if key is not None and hmac.compare_digest(key.digest, digest) else None

    async def refresh(self) -> bool:
        """Reads Redis; returns whether anything is new. While Redis does not answer, everything stays as it is."""
        try:
            epoch, entries = await read_entries(self._redis)
        except RedisError as error:
            if not self._failed:
                log.warning("The keys cannot be read", exc_info=error, extra={"action": "keys"})
            self._failed = True
            return False
        self._failed = False
        news = bool(epoch) and not self.known
        self.known = self.known or bool(epoch)
        if entries != self._entries:
            self._entries = entries
            kept = parse_entries(epoch, entries)
            if kept.unreadable - self._unreadable:
                log.error("Some entries are no keys", extra={"action": "keys", "entries": len(kept.unreadable)})
            self._unreadable |= kept.unreadable
            for key in kept.keys.values():
                news |= self._learn(key)
        return news

    async def keep(self, key: ApiKey) -> None:
        """Writes a key that is new or was changed. Raises Unavailable."""
        try:
            await write_key(self._redis, key)
        except RedisError as error:
            raise Unavailable("redis_unavailable", "Redis cannot be reached") from error
        self._learn(key)

    def _learn(self, key: ApiKey) -> bool:
        known = self._keys.get(key.id)
        newer = newest(known, key)
        if newer is None or newer == known:
            return False
        if known is not None:
            self._by_digest.pop(known.digest, None)
        self._keys[newer.id] = self._by_digest[newer.digest] = newer
        return True
