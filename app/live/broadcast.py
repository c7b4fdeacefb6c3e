"""Live push: what is subscribed to is read once a tick, however many subscribe to it."""

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
# Subscribers woken in one go: about a millisecond of sending, then other requests have their turn.
SLICE_SUBSCRIBERS = 50


class Frame:
    """One server-sent event. Its id is `<ms since 1970>-<digest>`: the same state has the same digest in every process,
    so a subscriber that reconnects with it, to whichever process, is sent only what it does not have."""

    __slots__ = ("body", "digest", "sent")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.digest = blake2b(body, digest_size=8).hexdigest()
        self.sent = b"id: %d-%b\ndata: %b\n\n" % (time.time() * 1000, self.digest.encode(), body)


class ProblemFrame:
    """Sent while the state cannot be read. It has no id: the subscriber keeps the last state and its id."""

    __slots__ = ("digest", "sent")

    def __init__(self, problem: Problem) -> None:
        self.digest = problem.code
        self.sent = b"event: problem\ndata: %b\n\n" % problem.body()


class Subscriber:
    """Waits to be woken; the frame to send is the channel's."""

    __slots__ = ("_woken",)

    def __init__(self) -> None:
        self._woken: asyncio.Future[None] | None = None

    def wake(self, *_: object) -> None:
        """Ends `woken`; takes any arguments, to serve as a callback."""
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    async def woken(self) -> None:
        """Waits for the next `wake`."""
        self._woken = asyncio.get_running_loop().create_future()
        await self._woken


class Channel:
    """The newest frame of a subscription, and its subscribers.

    They have no queue: a slow one skips to the newest frame."""

    def __init__(self, body: bytes) -> None:
        self.frame: Frame | ProblemFrame = Frame(body)
        self.subscribers: set[Subscriber] = set()
        self.unannounced = False

    def show(self, body: bytes) -> None:
        """Makes a frame of a body that differs from the last one."""
        if not (isinstance(self.frame, Frame) and self.frame.body == body):
            self.frame = Frame(body)
            self.unannounced = True

    def fail(self, problem: Problem) -> None:
        """Shows a problem instead, once."""
        if self.frame.digest != problem.code:
            self.frame = ProblemFrame(problem)
            self.unannounced = True


class Hub(Generic[Subscription]):
    """`read` returns the body of each subscription, or raises Problem."""

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
            # The others get it at the next tick: a newcomer does not make their frames more frequent.
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

    @property
    def listeners(self) -> int:
        """How many subscribers there are."""
        return sum(len(channel.subscribers) for channel in self._channels.values())

    def close(self) -> None:
        """Ends every stream."""
        self.closed = True
        for channel in self._channels.values():
            for subscriber in channel.subscribers:
                subscriber.wake()

    async def _tick_on(self) -> None:
        """Ticks as long as there are subscribers."""
        clock = asyncio.get_running_loop().time
        next_heartbeat = clock() + HEARTBEAT_SECONDS
        try:
            while self._channels and not self.closed:
                # Sleep between ticks, not until the next multiple: two frames of a channel are at least this far apart.
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
