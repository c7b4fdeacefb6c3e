"""The Redis commands of the read path."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.contract.connection import SettingsMismatch
from app.contract.keys import PARTITIONS, keys_of, partition_of
from app.errors import Unavailable
from app.settings import Settings

Ranking = list[tuple[str, int]]

# How old an answer about all areas together may be: it costs a read of every area.
OVERVIEW_SECONDS = 1.0
PIPELINE_AREAS = 500


class Store:
    """Reads of one service process. Every method raises Unavailable when Redis does not answer."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
        self._partitions = settings.partitions
        self._wanted: dict[tuple[str, int], asyncio.Future[Ranking]] = {}
        self._reader: asyncio.Task[None] | None = None
        self._overview: tuple[float, dict[str, Ranking]] = (-OVERVIEW_SECONDS, {})
        self._overview_lock = asyncio.Lock()

    async def rankings(self, areas: Iterable[str], limit: int) -> dict[str, Ranking]:
        """For each area its modes with players, most played first; limit 0 means all of them.

        Requests of the same moment share one pipeline, and an area asked for twice is read once.
        """
        reads = {}
        for area in areas:
            read = self._wanted.get((area, limit))
            if read is None:
                read = self._wanted[area, limit] = asyncio.get_running_loop().create_future()
                if self._reader is None:
                    self._reader = asyncio.create_task(self._read_wanted(), name="read stats")
            reads[area] = read
        # Waits on the shared reads without owning them: a cancelled request takes none with it.
        if any(not read.done() for read in reads.values()):
            await asyncio.wait(set(reads.values()))
        return {area: read.result() for area, read in reads.items()}

    async def _read_wanted(self) -> None:
        try:
            while self._wanted:
                wanted, self._wanted = self._wanted, {}
                try:
                    replies = await self._read_areas(list(wanted))
                except Exception as error:
                    problem = _unavailable(error) if isinstance(error, RedisError) else error
                    for read in wanted.values():
                        read.set_exception(problem)
                        read.exception()  # its waiters may be gone
                else:
                    for read, ranking in zip(wanted.values(), replies, strict=True):
                        read.set_result(ranking)
        finally:
            self._reader = None

    async def _read_areas(self, wanted: list[tuple[str, int]]) -> list[Ranking]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for area, limit in wanted:
                key = keys_of(partition_of(area, self._partitions)).area(area)
                pipeline.execute_command("ZREVRANGE", key, 0, limit - 1, "WITHSCORES")
            replies = await pipeline.execute()
        return [_ranking(reply) for reply in replies]

    async def overview(self) -> dict[str, Ranking]:
        """The rankings of all areas that have players, at most a second old."""
        async with self._overview_lock:
            read_at, overview = self._overview
            if time.monotonic() - read_at < OVERVIEW_SECONDS:
                return overview
            read_at = time.monotonic()
            overview = {}
            try:
                for partition in range(self._partitions):
                    areas = sorted(area.decode() for area in await _bytes_set(self._redis, keys_of(partition).areas))
                    for start in range(0, len(areas), PIPELINE_AREAS):
                        some = areas[start : start + PIPELINE_AREAS]
                        replies = await self._read_areas([(area, 0) for area in some])
                        overview |= {a: r for a, r in zip(some, replies, strict=True) if r}
            except RedisError as error:
                raise _unavailable(error) from error
            self._overview = (read_at, overview)
            return overview

    async def sessions(self, user_id: str) -> list[tuple[str, str, float]]:
        """(area, mode, time of the last event in seconds) of what the user is active in, newest first."""
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for partition in range(self._partitions):
                    key = keys_of(partition).user(user_id)
                    pipeline.execute_command("ZREVRANGEBYSCORE", key, "+inf", "(0", "WITHSCORES")
                replies = await pipeline.execute()
        except RedisError as error:
            raise _unavailable(error) from error
        found = []
        for reply in replies:
            for member, at in _pairs(reply):
                area, _, mode = member.decode().partition("|")
                found.append((area, mode, float(at) / 1_000_000))
        return sorted(found, key=lambda session: -session[2])

    async def closed_reason(self) -> str | None:
        """Why events cannot be taken now; None when they can. Raises SettingsMismatch."""
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.get(PARTITIONS)
                for partition in range(self._partitions):
                    pipeline.get(keys_of(partition).epoch)
                stored, *epochs = await pipeline.execute()
        except RedisError:
            return "redis_unavailable"
        if stored is not None and int(stored) != self._partitions:
            raise SettingsMismatch(f"this Redis was opened with {int(stored)} partitions, MODEPULSE_PARTITIONS differs")
        return None if stored is not None and all(epochs) else "partition_closed"


async def _bytes_set(redis: Redis, key: str) -> set[bytes]:
    return cast("set[bytes]", await redis.execute_command("SMEMBERS", key))


def _ranking(reply: list[bytes]) -> Ranking:
    return [(mode.decode(), int(count)) for mode, count in _pairs(reply)]


def _pairs(reply: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """WITHSCORES answers are flat: member, score, member, score..."""
    values = iter(reply)
    return zip(values, values, strict=True)


def _unavailable(error: RedisError) -> Unavailable:
    problem = Unavailable("redis_unavailable", "Redis cannot be reached")
    problem.__cause__ = error
    return problem
