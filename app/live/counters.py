"""Reads of the live counters: the Redis commands of GET /stats and its relatives."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.contract.area_mode import split_area_mode
from app.contract.connection import SettingsMismatch
from app.contract.keys import PARTITIONS, keys_of, partition_of
from app.contract.log import parse_stream_id
from app.errors import Unavailable
from app.live.multiplexer import Multiplexer, packed
from app.settings import Settings

# An area's modes and counts, most played first, flat as Redis returns them: mode, count, mode, count...
Ranking = list[bytes]


class LogPosition(NamedTuple):
    """An entry's place among the logs of all partitions: its partition and the two halves of its stream id."""

    partition: int
    ms: int
    seq: int


class LiveCounters:
    """One per API process. Every method raises Unavailable when Redis does not answer."""

    def __init__(self, redis: Redis, reads: Multiplexer, settings: Settings) -> None:
        self._redis = redis
        self._reads = reads
        self._partitions = settings.partitions
        self._wanted: dict[tuple[str, int], list[asyncio.Future[Ranking]]] = {}
        self._reading: asyncio.Task[None] | None = None

    def ranking(self, area: str, limit: int) -> asyncio.Future[Ranking]:
        """The area's modes with players, most played first; limit 0 means all of them.

        Requests of one turn of the event loop share one pipeline, and an area is read once for all of them. The
        pipeline is sent after they have asked, so no answer is older than its request.
        """
        answer: asyncio.Future[Ranking] = asyncio.get_running_loop().create_future()
        wanted = self._wanted.get((area, limit))
        if wanted is not None:
            wanted.append(answer)
            return answer
        self._wanted[area, limit] = [answer]
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_wanted())
        return answer

    async def rankings(self, areas: list[str], limit: int) -> list[Ranking]:
        """The same of several areas, in one pipeline of their own."""
        try:
            replies = await self._read_areas([(area, limit) for area in areas])
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
        except RedisError as error:
            raise unavailable(error) from error
        return cast("list[Ranking]", replies)

    async def _read_wanted(self) -> None:
        try:
            while self._wanted:
                wanted, self._wanted = self._wanted, {}
                replies: Sequence[Ranking | Exception]
                try:
                    replies = await self._read_areas(wanted)
                except Exception as error:
                    replies = [error] * len(wanted)
                for answers, reply in zip(wanted.values(), replies, strict=True):
                    for answer in answers:
                        if answer.done():
                            continue  # its request was cancelled
                        if isinstance(reply, Exception):
                            answer.set_exception(unavailable(reply) if isinstance(reply, RedisError) else reply)
                        else:
                            answer.set_result(reply)
        finally:
            self._reading = None

    async def _read_areas(self, wanted: Iterable[tuple[str, int]]) -> list[Ranking | Exception]:
        commands = []
        for area, limit in wanted:
            key = keys_of(partition_of(area, self._partitions)).area(area)
            commands.append(packed("ZREVRANGE", key, 0, limit - 1, "WITHSCORES"))
        return await self._reads.run(b"".join(commands), len(commands))

    async def sessions(self, user_id: str) -> list[tuple[str, str, float]]:
        """(area, mode, time of the last event in seconds since 1970) of each active session, newest first."""
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for partition in range(self._partitions):
                    key = keys_of(partition).user(user_id)
                    pipeline.execute_command("ZREVRANGEBYSCORE", key, "+inf", "(0", "WITHSCORES")
                replies = await pipeline.execute()
        except RedisError as error:
            raise unavailable(error) from error
        found = []
        for reply in replies:
            for area_mode, at in pairs(reply):
                area, mode = split_area_mode(area_mode.decode())
                found.append((area, mode, float(at) / 1_000_000))
        return sorted(found, key=lambda session: -session[2])

    async def mark_for_purge(self) -> list[LogPosition]:
        """Marks the logs as they are now to be removed once archived. Returns where each one ends that has entries."""
        positions = []
        try:
            for partition in range(self._partitions):
                keys = keys_of(partition)
                newest = await self._redis.execute_command("XREVRANGE", keys.events, "+", "-", "COUNT", 1)
                if newest:
                    await self._redis.set(keys.purge_before, newest[0][0])
                    positions.append(LogPosition(partition, *parse_stream_id(newest[0][0])))
        except RedisError as error:
            raise unavailable(error) from error
        return positions

    async def closed_reason(self) -> str | None:
        """Why events cannot be taken now: a code, or None when they can. Raises SettingsMismatch, not Unavailable."""
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


def pairs(reply: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The (member, score) pairs of a WITHSCORES reply, which is flat."""
    values = iter(reply)
    return zip(values, values, strict=True)


def unavailable(error: RedisError) -> Unavailable:
    """The refusal of a read that Redis did not answer."""
    problem = Unavailable("redis_unavailable", "Redis cannot be reached")
    problem.__cause__ = error
    return problem
