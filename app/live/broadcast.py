"""Live push: a subscription that somebody listens to is read once a tick, however many subscribe to it."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Mapping
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Generic, TypeVar

from app.errors import Problem, internal_error

log = logging.getLogger(__name__)

Subscription = TypeVar("Subscription", bound=Hashable)

TICK_SECONDS = 0.1
HEARTBEAT_SECONDS = 15.0
# Listeners woken in one go: about a millisecond of sending, then other requests have their turn.
SLICE_SUBSCRIBERS = 50


class Frame:
    """One server-sent event. Its id is `<ms since 1970>-<digest>`: the same state has the same digest in every
    process, so a subscriber that comes back with it, to whichever process, is told only what it does not know."""

    __slots__ = ("body", "digest", "sent")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.digest = blake2b(body, digest_size=8).hexdigest()
        self.sent = b"id: %d-%b\ndata: %b\n\n" % (time.time() * 1000, self.digest.encode(), body)


class ProblemFrame:
    """Told instead while the state cannot be read. Without id: the subscriber still knows what it knew."""

    __slots__ = ("digest", "sent")

    def __init__(self, problem: Problem) -> None:
        self.digest = problem.code
        self.sent = b"event: problem\ndata: %b\n\n" % problem.body()


class Subscriber:
    """One who waits to be woken; what there is to tell stands in the channel."""

    __slots__ = ("_woken",)

    def __init__(self) -> None:
        self._woken: asyncio.Future[None] | None = None

    def wake(self, *_: object) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    async def woken(self) -> None:
        self._woken = asyncio.get_running_loop().create_future()
        await self._woken


class Channel:
    """A subscription's newest answer and who listens to it. Nobody has a queue: who is slow finds the newest only."""

    def __init__(self, body: bytes) -> None:
        self.frame: Frame | ProblemFrame = Frame(body)
        self.subscribers: set[Subscriber] = set()
        self.unannounced = False

    def show(self, body: bytes) -> None:
        if not (isinstance(self.frame, Frame) and self.frame.body == body):
            self.frame = Frame(body)
            self.unannounced = True

    def fail(self, problem: Problem) -> None:
        if self.frame.digest != problem.code:
            self.frame = ProblemFrame(problem)
            self.unannounced = True


class Hub(Generic[Subscription]):
    """`read` gives the body of each subscription, or raises Problem."""

    def __init__(self, read: Callable[[Iterable[Subscription]], Awaitable[Mapping[Subscription, bytes]]]) -> None:
        self._read = read
        self._channels: dict[Subscription, Channel] = {}
        self._ticking: asyncio.Task[None] | None = None
        self.heartbeats = 0
        self.closed = False

    @asynccontextmanager
    async def subscribe(self, subscription: Subscription) -> AsyncIterator[tuple[Channel, Subscriber]]:
        """A channel whose frame is as fresh as an answer to a request. Raises Problem when there is none."""
        body = (await self._read([subscription]))[subscription]
        channel = self._channels.get(subscription)
        if channel is None:
            channel = self._channels[subscription] = Channel(body)
        else:
            # The others are told at the next tick: who comes does not make them hear more often.
            channel.show(body)
        subscriber = Subscriber()
        channel.subscribers.add(subscriber)
        if self._ticking is None:
            self._ticking = asyncio.create_task(self._tick_on(), name="broadcast")
        try:
            yield channel, subscriber
        finally:
            channel.subscribers.discard(subscriber)
            if not channel.subscribers:
                del self._channels[subscription]

    def close(self) -> None:
        """Ends every stream."""
        self.closed = True
        for channel in self._channels.values():
            for subscriber in channel.subscribers:
                subscriber.wake()

    async def _tick_on(self) -> None:
        """As long as anybody listens."""
        clock = asyncio.get_running_loop().time
        next_heartbeat = clock() + HEARTBEAT_SECONDS
        try:
            while self._channels and not self.closed:
                # From end to begin, so that two frames of a channel are never closer than a tick.
                await asyncio.sleep(TICK_SECONDS)
                await self._tick()
                channels = list(self._channels.values())
                if clock() >= next_heartbeat:
                    next_heartbeat = clock() + HEARTBEAT_SECONDS
                    self.heartbeats += 1
                else:
                    channels = [channel for channel in channels if channel.unannounced]
                await _announce(channels)
        finally:
            self._ticking = None

    async def _tick(self) -> None:
        """Reads all subscriptions."""
        channels = dict(self._channels)
        try:
            bodies = await self._read(channels)
        except Exception as error:
            problem = error
            if not isinstance(problem, Problem):
                log.error("Live push failed", exc_info=error, extra={"action": "broadcast"})
                problem = internal_error()
            for channel in channels.values():
                channel.fail(problem)
        else:
            for subscription, channel in channels.items():
                channel.show(bodies[subscription])


async def _announce(channels: list[Channel]) -> None:
    for channel in channels:
        channel.unannounced = False
        subscribers = list(channel.subscribers)
        for start in range(0, len(subscribers), SLICE_SUBSCRIBERS):
            for subscriber in subscribers[start : start + SLICE_SUBSCRIBERS]:
                subscriber.wake()
            await asyncio.sleep(0)
