"""The API keys in Redis and their copies in Postgres, kept alike by the archiver that leads."""

from redis.asyncio import Redis

from app.contract.postgres import Connection
from archiver import api_keys
from archiver.postgres import connect


class KeyCopies:
    """Has a connection of its own: no batch makes it wait."""

    def __init__(self, dsn: str, redis: Redis) -> None:
        self._dsn = dsn
        self._redis = redis
        self._connection: Connection | None = None
        self._ended: frozenset[str] = frozenset()

    async def synchronise(self, epoch: str) -> None:
        """Copies what either has newer. Raises RedisError, POSTGRES_ERRORS."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._dsn)
        try:
            await api_keys.synchronise(self._redis, self._connection, epoch)
        except BaseException:
            self._connection.terminate()  # what it was doing is over, too
            raise

    async def forget_ended(self, postgres: Connection, epoch: str) -> None:
        """Takes keys out of Redis that ended long ago. Raises RedisError, POSTGRES_ERRORS."""
        self._ended = await api_keys.forget_ended(self._redis, postgres, epoch, self._ended)

    def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            self._connection.terminate()
