"""One Redis connection shared by all requests: commands are written as they come, replies are handed out in order.

redis-py opens it (URL, TLS, AUTH, database) and names its errors; what it does around every command costs more
than all the rest of a request here (docs/decisions/0007), so reading and writing are ours.
"""

import asyncio
from collections import deque
from typing import Any, cast

import hiredis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError


class NotSent(RedisConnectionError):
    """There was no connection: the command surely has no effect."""


def packed(*arguments: str | int) -> bytes:
    """A command as it goes over the wire."""
    command: bytes = hiredis.pack_command(cast(Any, arguments))
    return command


class Multiplexer(asyncio.Protocol):
    """Connects when first used and reconnects after a loss; repeats nothing by itself.

    `redis` is a client of app.contract.connection, `seconds` the longest round trip.
    """

    def __init__(self, redis: Redis, seconds: float) -> None:
        self._pool = redis.connection_pool
        self._seconds = seconds
        self._connecting = asyncio.Lock()
        self._transport: asyncio.Transport | None = None
        self._opened: Any = None
        self._replies = hiredis.Reader()
        self._waiting: deque[_Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self.connects = 0
        """How many times a connection was made: the first time, and after each loss."""

    async def run(self, commands: bytes, count: int) -> list[Any]:
        """The replies to `count` packed commands; an error reply stands in its place as an exception.

        Raises NotSent, or RedisConnectionError and RedisTimeoutError when the outcome is unknown.
        """
        if self._transport is None:
            await self._connect()
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        waiting = _Waiting(count, loop.create_future(), loop.time() + self._seconds)
        self._waiting.append(waiting)
        if self._timer is None:
            self._timer = loop.call_at(waiting.deadline, self._check_deadline)
        self._transport.write(commands)
        return await waiting.answer

    def close(self) -> None:
        """Ends the connection; what waits for a reply gets an error."""
        self._lost(RedisConnectionError("closed"))

    async def _connect(self) -> None:
        async with self._connecting:
            if self._transport is not None:
                return
            opened = cast(Any, self._pool).make_connection()
            try:
                await opened.connect()
            except (RedisError, OSError) as error:
                raise NotSent(str(error)) from error
            # Its streams have read the handshake to the end and nothing else was asked for.
            transport: asyncio.Transport = opened._writer.transport
            self._replies = hiredis.Reader(replyError=opened._parser.parse_error)
            transport.set_protocol(self)
            self._opened, self._transport = opened, transport
            self.connects += 1

    def data_received(self, data: bytes) -> None:
        replies = self._replies
        try:
            replies.feed(data)
            while (reply := replies.gets()) is not False:
                waiting = self._waiting[0]
                waiting.replies.append(reply)
                if len(waiting.replies) == waiting.count:
                    self._waiting.popleft()
                    if not waiting.answer.done():
                        waiting.answer.set_result(waiting.replies)
        except (hiredis.ProtocolError, IndexError) as error:
            self._lost(RedisConnectionError(f"not a reply: {error!r}"))

    def connection_lost(self, error: Exception | None) -> None:
        self._lost(RedisConnectionError(f"connection lost: {error}"))

    def _check_deadline(self) -> None:
        """One timer for all that wait: the oldest is answered first."""
        self._timer = None
        if not self._waiting:
            return
        loop = asyncio.get_running_loop()
        deadline = self._waiting[0].deadline
        if deadline <= loop.time():
            self._lost(RedisTimeoutError("Redis does not answer in time"))
        else:
            self._timer = loop.call_at(deadline, self._check_deadline)

    def _lost(self, error: RedisError) -> None:
        transport, self._transport, self._opened = self._transport, None, None
        if transport is not None:
            # Late data of this connection must not reach the next one's parser.
            transport.set_protocol(asyncio.Protocol())
            transport.abort()
        unanswered, self._waiting = self._waiting, deque()
        for waiting in unanswered:
            if not waiting.answer.done():
                waiting.answer.set_exception(error)


class _Waiting:
    """Commands that were written together; their replies are handed out together, too."""

    __slots__ = ("answer", "count", "deadline", "replies")

    def __init__(self, count: int, answer: asyncio.Future[list[Any]], deadline: float) -> None:
        self.count = count
        self.answer = answer
        self.deadline = deadline
        self.replies: list[Any] = []
