"""Live push: a question that somebody listens to is read once a tick, however many listen to it."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Mapping
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Generic, TypeVar

from app.errors import Problem, internal_error

log = logging.getLogger(__name__)

Question = TypeVar("Question", bound=Hashable)

TICK_SECONDS = 0.1
HEARTBEAT_SECONDS = 15.0
# Listeners woken in one go: about a millisecond of sending, then other requests have their turn.
SLICE_LISTENERS = 50


class Frame:
    """One server-sent event. Its id is `<ms since 1970>-<digest>`: the same state has the same digest in every
    process, so a listener that comes back with it, to whichever process, is told only what it does not know."""

    __slots__ = ("body", "digest", "sent")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.digest = blake2b(body, digest_size=8).hexdigest()
        self.sent = b"id: %d-%b\ndata: %b\n\n" % (time.time() * 1000, self.digest.encode(), body)


class ProblemFrame:
    """Told instead while the state cannot be read. Without id: the listener still knows what it knew."""

    __slots__ = ("digest", "sent")

    def __init__(self, problem: Problem) -> None:
        self.digest = problem.code
        self.sent = b"event: problem\ndata: %b\n\n" % problem.body()


class Listener:
    """One who waits to be woken; what there is to tell stands in the feed."""

    __slots__ = ("_woken",)

    def __init__(self) -> None:
        self._woken: asyncio.Future[None] | None = None

    def wake(self, *_: object) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    async def woken(self) -> None:
        self._woken = asyncio.get_running_loop().create_future()
        await self._woken


class Feed:
    """A question's newest answer and who listens to it. Nobody has a queue: who is slow finds the newest only."""

    def __init__(self, body: bytes) -> None:
        self.frame: Frame | ProblemFrame = Frame(body)
        self.listeners: set[Listener] = set()
        self.unannounced = False

    def show(self, body: bytes) -> None:
        if not (isinstance(self.frame, Frame) and self.frame.body == body):
            self.frame = Frame(body)
            self.unannounced = True

    def fail(self, problem: Problem) -> None:
        if self.frame.digest != problem.code:
            self.frame = ProblemFrame(problem)
            self.unannounced = True


class Broadcast(Generic[Question]):
    """`read` gives the body of each question, or raises Problem."""

    def __init__(self, read: Callable[[Iterable[Question]], Awaitable[Mapping[Question, bytes]]]) -> None:
        self._read = read
        self._feeds: dict[Question, Feed] = {}
        self._ticking: asyncio.Task[None] | None = None
        self.heartbeats = 0
        self.closed = False

    @asynccontextmanager
    async def listen(self, question: Question) -> AsyncIterator[tuple[Feed, Listener]]:
        """A feed whose frame is as fresh as an answer to a request. Raises Problem when there is none."""
        body = (await self._read([question]))[question]
        feed = self._feeds.get(question)
        if feed is None:
            feed = self._feeds[question] = Feed(body)
        else:
            # The others are told at the next tick: who comes does not make them hear more often.
            feed.show(body)
        listener = Listener()
        feed.listeners.add(listener)
        if self._ticking is None:
            self._ticking = asyncio.create_task(self._tick_on(), name="broadcast")
        try:
            yield feed, listener
        finally:
            feed.listeners.discard(listener)
            if not feed.listeners:
                del self._feeds[question]

    def close(self) -> None:
        """Ends every stream."""
        self.closed = True
        for feed in self._feeds.values():
            for listener in feed.listeners:
                listener.wake()

    async def _tick_on(self) -> None:
        """As long as anybody listens."""
        clock = asyncio.get_running_loop().time
        next_heartbeat = clock() + HEARTBEAT_SECONDS
        try:
            while self._feeds and not self.closed:
                # From end to begin, so that two frames of a feed are never closer than a tick.
                await asyncio.sleep(TICK_SECONDS)
                await self._tick()
                feeds = list(self._feeds.values())
                if clock() >= next_heartbeat:
                    next_heartbeat = clock() + HEARTBEAT_SECONDS
                    self.heartbeats += 1
                else:
                    feeds = [feed for feed in feeds if feed.unannounced]
                await _announce(feeds)
        finally:
            self._ticking = None

    async def _tick(self) -> None:
        """Reads all questions."""
        feeds = dict(self._feeds)
        try:
            bodies = await self._read(feeds)
        except Exception as error:
            problem = error
            if not isinstance(problem, Problem):
                log.error("Live push failed", exc_info=error, extra={"action": "broadcast"})
                problem = internal_error()
            for feed in feeds.values():
                feed.fail(problem)
        else:
            for question, feed in feeds.items():
                feed.show(bodies[question])


async def _announce(feeds: list[Feed]) -> None:
    for feed in feeds:
        feed.unannounced = False
        listeners = list(feed.listeners)
        for start in range(0, len(listeners), SLICE_LISTENERS):
            for listener in listeners[start : start + SLICE_LISTENERS]:
                listener.wake()
            await asyncio.sleep(0)
