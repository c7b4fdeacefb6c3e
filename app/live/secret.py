"""What only the processes of this service know: with keys made from it they sign what they get back from clients."""

import hmac
import secrets
from typing import cast

from redis.asyncio import Redis

from app.contract.keys import SECRET
from app.errors import Unavailable

SECRET_BYTES = 32


class SharedSecret:
    """Made by the process that starts first, and kept in Redis for all others. Never logged, never sent."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._secret: bytes | None = None

    async def load(self) -> None:
        """Takes the secret from Redis, or puts it there. Raises RedisError: then the one before stays in use.

        To be repeated: a Redis that was emptied or rebuilt is given the secret that was in use.
        """
        found = cast("bytes | None", await self._redis.get(SECRET))
        if found is None:
            own = self._secret or secrets.token_bytes(SECRET_BYTES)
            found = cast("bytes | None", await self._redis.set(SECRET, own, nx=True, get=True)) or own
        self._secret = found

    def key(self, purpose: bytes) -> bytes:
        """A key of 32 bytes: what is signed for one purpose is of no use for another. Raises Unavailable."""
        if self._secret is None:
            raise Unavailable("redis_unavailable", "Redis has not been reached since this process started")
        return hmac.digest(self._secret, purpose, "sha256")
