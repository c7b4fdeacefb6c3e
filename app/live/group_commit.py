"""Group commit: events that arrive together share a script call.

While a call is under way the next group gathers. Only full groups go beside it, so that many small requests still
share calls, and large ones keep Redis busy. The flush runs in a task of its own, so a client that hangs up or a
cancelled request cannot stop it; an answer is given only after the call that holds its events has returned.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from app.contract.outcome import Outcome
from app.errors import InvalidRequest, Unavailable
from app.live.refusals import OverLimit, memory_full, outcome_unknown, partly_applied, queue_full, unreachable
from app.live.submission import CALL_EVENTS, Group, RequestKey, Submission

log = logging.getLogger(__name__)

# At light load (at most this many events waiting, the last call quicker than this) a call holds fewer events: a third
# more CPU an event, but a read waits for less. Not where a call takes long for another reason (a slow disk, a far
# Redis), and never for keyed requests: their parts must be cut alike when repeated.
LIGHT_LOAD_EVENTS = 1000
LIGHT_LOAD_SECONDS = 0.003
LIGHT_LOAD_CALL_EVENTS = 32
# Calls under way at a time: they share Redis's fsyncs, and this process prepares some while Redis runs others.
MAX_CALLS = 8


class Recorder(Protocol):
    """What applies a group: app.live.script_call, or a test's stand-in."""

    lost: int
    """Calls under way that got no answer to their first attempt."""

    async def record(self, group: Group, on_lost: Callable[[], None]) -> str:
        """One outcome letter an event. Calls `on_lost` after each attempt without an answer.

        Raises Unavailable or InvalidRequest; OverLimit names the events that are to blame, and nothing was done.
        """


class _Share(NamedTuple):
    """How many events of a group are a submission's."""

    submission: Submission
    events: int


class GroupCommit:
    """Queues the events of one partition and hands them on in groups.

    `memory_full` is set by the monitor; `accepted` counts the events taken so far.
    """

    def __init__(self, recorder: Recorder, queue_events: int, write_deadline_seconds: float) -> None:
        self._recorder = recorder
        self._queue_events = queue_events
        self._write_deadline_seconds = write_deadline_seconds
        self._queue: deque[Submission] = deque()  # those without a call under way
        self._queued_slots = 0
        self._unanswered = 0  # events taken and not answered
        self._flushers: set[asyncio.Task[None]] = set()
        self._flushing = 0  # flushers that will check the queue again
        self._calls = 0  # calls under way
        self._call_seconds = 0.0  # duration of the last one
        self.memory_full = False
        self.accepted = 0

    @property
    def waiting(self) -> int:
        """How many events are taken and not answered."""
        return self._unanswered

    async def submit(self, script_args: list[str], key: RequestKey | None = None, skip: bool = False) -> str:
        """Applies the events; returns one outcome letter each (app.contract.outcome).

        `skip`: those over a limit are refused alone. Raises Unavailable when the events were refused or their outcome
        is unknown, OverLimit when some would open more than is allowed, InvalidRequest when the key cannot be used.
        """
        if self._recorder.lost:
            raise unreachable()
        if self.memory_full:
            raise memory_full()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._write_deadline_seconds
        submission = Submission(script_args, key, deadline, loop.create_future(), skip)
        if self._unanswered + submission.events > self._queue_events and self._unanswered:
            raise queue_full()
        self._unanswered += submission.events
        self._enqueue(submission)
        if not self._flushing or (self._queued_slots >= CALL_EVENTS and self._flushing < MAX_CALLS):
            self._flushing += 1
            flusher = asyncio.create_task(self._flush())
            self._flushers.add(flusher)
            flusher.add_done_callback(self._flushers.discard)
        return await submission.answer

    async def drain(self) -> None:
        """Waits until everything submitted has its answer."""
        while self._flushers:
            await asyncio.wait(self._flushers)

    def _enqueue(self, submission: Submission) -> None:
        self._queue.append(submission)
        self._queued_slots += submission.slots

    async def _flush(self) -> None:
        """Makes calls while there is something for them; does not raise."""
        clock = asyncio.get_running_loop().time
        while self._queued_slots >= CALL_EVENTS or (self._queued_slots and not self._calls):
            shares, group = self._next_group()
            self._calls += 1
            start = clock()
            try:
                await self._record(shares, group)
            except Exception:
                log.exception("A flush failed", extra={"action": "flush_failed"})
                for submission, _ in shares:
                    self._fail(submission, outcome_unknown())
            finally:
                self._calls -= 1
                self._call_seconds = clock() - start
        self._flushing -= 1

    def _next_group(self) -> tuple[list[_Share], Group]:
        """Takes up to a call's events from the head of the queue."""
        queue = self._queue
        first = queue[0]
        room = self._call_events(first)
        shares: list[_Share] = []
        while queue and room > 0:
            submission = queue[0]
            if shares and (submission.exclusive or first.exclusive):
                break
            events = submission.next_events
            if events > room:
                if not submission.whole:
                    events = room
                elif shares:
                    break  # the next call has room for it
            queue.popleft()
            self._queued_slots -= submission.slots
            shares.append(_Share(submission, events))
            room -= events
        return shares, _group_of(shares)

    def _call_events(self, first: Submission) -> int:
        """How many events the next call takes."""
        light = self._unanswered <= LIGHT_LOAD_EVENTS and self._call_seconds <= LIGHT_LOAD_SECONDS
        return LIGHT_LOAD_CALL_EVENTS if light and first.key is None else CALL_EVENTS

    async def _record(self, shares: list[_Share], group: Group) -> None:
        try:
            outcomes = await self._recorder.record(group, self._refuse_waiting)
        except OverLimit as error:
            shares = self._without(shares, error.refused)
            if shares:
                await self._record(shares, _group_of(shares))
            return
        except (Unavailable, InvalidRequest) as error:
            for submission, _ in shares:
                self._fail(submission, partly_applied(error) if submission.outcomes else error)
            return
        self.accepted += len(outcomes)
        start = 0
        for submission, events in shares:
            if submission.settle(outcomes[start : start + events]):
                self._succeed(submission)
            else:
                self._enqueue(submission)
            start += events

    def _without(self, shares: list[_Share], refused: Mapping[int, Outcome]) -> list[_Share]:
        """What is left to be recorded of a group: nobody pays for another's events over a limit."""
        left = []
        start = 0
        for share in shares:
            own = {at - start: outcome for at, outcome in refused.items() if start <= at < start + share.events}
            if not own or share.submission.refuse(own):
                left.append(share)
            else:
                self._fail(share.submission, OverLimit(own))
            start += share.events
        return left

    def _refuse_waiting(self) -> None:
        """While the outcome of a lost call is being found out, those queued behind it are refused at once."""
        waiting, self._queue, self._queued_slots = self._queue, deque(), 0
        for submission in waiting:
            if submission.sent:
                self._enqueue(submission)
            else:
                self._fail(submission, unreachable())

    def _succeed(self, submission: Submission) -> None:
        self._unanswered -= submission.events
        if not submission.answer.done():  # else the client is gone
            submission.answer.set_result("".join(submission.outcomes))

    def _fail(self, submission: Submission, error: Unavailable | InvalidRequest) -> None:
        self._unanswered -= submission.events
        if not submission.answer.done():
            submission.answer.set_exception(error)


def _group_of(shares: list[_Share]) -> Group:
    """The call that the shares make together."""
    first = shares[0].submission
    script_args: list[str] = []
    for submission, events in shares:
        script_args += submission.take(events)
    deadline = max(submission.deadline for submission, _ in shares)
    return Group(script_args, deadline, first.key, first.part, bool(first.outcomes))
