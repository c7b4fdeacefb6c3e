"""What the log says when the archiver starts."""

from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.contract.versions import own_version, redis_server


async def start_line(redis: Redis, postgres: str | None) -> dict[str, Any]:
    """The fields of the line; `postgres`: name and version. A server that cannot be asked is null."""
    try:
        server = redis_server(await redis.info("server"))
    except RedisError:
        server = None
    return {"action": "start", "version": own_version(), "redis": server, "postgres": postgres}
