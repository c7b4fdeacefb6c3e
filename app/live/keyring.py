"""The API keys, in memory: every request asks for its own."""

from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.contract.api_key import ApiKey
from app.contract.keys import API_KEYS


class Keyring:
    """As Redis had them when it was last read. `known` is False until it has shown its keys once."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._keys: dict[str, ApiKey] = {}
        self._by_digest: dict[str, ApiKey] = {}
        self.known = False

    def __bool__(self) -> bool:
        """Whether there is any, or was."""
        return bool(self._keys)

    def get(self, identity: str) -> ApiKey | None:
        """By its id."""
        return self._keys.get(identity)

    def find(self, digest: str) -> ApiKey | None:
        """By its digest."""
        return self._by_digest.get(digest)

    async def refresh(self) -> None:
        """Reads Redis; while it does not answer, everything stays as it is."""
        try:
            entries: Any = await cast(Any, self._redis).hvals(API_KEYS)
        except RedisError:
            return
        self.known = True
        for key in map(ApiKey.from_json, entries):
            self._keys[key.id] = self._by_digest[key.digest] = key
