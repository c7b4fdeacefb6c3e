"""Group commit: events that arrive together share a script call.

While a call is under way the next group gathers. Only full groups go beside it, so that many small requests
still share calls, and large ones keep Redis busy. The flush runs in a task of its own, so a client that hangs up
or a cancelled request cannot stop it; an answer is given only after the call that holds its events has returned.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field

from redis.exceptions import (
    BusyLoadingError,
    NoScriptError,
    OutOfMemoryError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.archive.pool import archived_epoch
from app.contract.calls import ARGS_PER_EVENT, RecordCall
from app.contract.keys import Keys
from app.contract.token import new_token
from app.errors import InvalidRequest, Unavailable
from app.live.multiplexer import Multiplexer, NotSent, packed
from app.settings import Settings
from lua import Script, record_events, record_rest

log = logging.getLogger(__name__)

# Events of one script call. It bounds how long Redis is held (about 0.6 ms), and it is not a setting: the
# parts of a request with an Idempotency-Key must fall the same way when it is repeated.
CALL_EVENTS = 100
# While no more than this waits, calls are smaller: dearer by a third, but a read waits less behind one. Not those of a
# request with a key, and not where a call takes long for another reason (a slow disk, a far Redis).
CALM_EVENTS = 1000
CALM_CALL_EVENTS = 32
CALM_CALL_SECONDS = 0.003
# Calls under way at a time: they share Redis's fsyncs, and this process prepares some while Redis runs others.
MAX_CALLS = 8
# How long the answer to a call is kept for its own retries, which end with the write deadline (30 s at most).
RETRY_ANSWER_SECONDS = 60
RETRY_PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class RequestKey:
    """What an `Idempotency-Key` stands for: a name for its call keys, a digest of the body, its lifetime."""

    name: str
    fingerprint: str
    seconds: int


@dataclass(eq=False, slots=True)
class _Submission:
    """The events of one request in one partition, on their way through one or more calls, one after the other."""

    script_args: list[str]
    key: RequestKey | None
    deadline: float
    answer: asyncio.Future[str]
    sent: int = 0
    outcomes: list[str] = field(default_factory=list)

    @property
    def next_events(self) -> int:
        """How many of its events the next call can take."""
        return min(CALL_EVENTS, (len(self.script_args) - self.sent) // ARGS_PER_EVENT)

    @property
    def alone(self) -> bool:
        """With a key, or a later part of a large request: other keys or scripts are theirs."""
        return self.key is not None or bool(self.outcomes)

    @property
    def weight(self) -> int:
        """Of CALL_EVENTS, which are a call of its own."""
        return CALL_EVENTS if self.alone else self.next_events


class GroupCommit:
    """Takes the events of one partition to Redis."""

    def __init__(self, redis: Multiplexer, keys: Keys, settings: Settings) -> None:
        self._redis = redis
        self._keys = keys
        self._settings = settings
        self._epoch: str | None = None
        self._queue: deque[_Submission] = deque()  # those without a call under way
        self._ready = 0  # their weight
        self._waiting = 0  # events taken and not answered
        self._flushers: set[asyncio.Task[None]] = set()
        self._flushing = 0  # of them, those that look at the queue once more
        self._calls = 0  # under way
        self._call_seconds = 0.0  # that the last one took
        self._failing = 0  # of them, those that Redis did not answer at first
        self.memory_full = False
        self.accepted = 0  # events taken so far

    async def submit(self, script_args: list[str], key: RequestKey | None = None) -> str:
        """Applies the events; returns one outcome letter each (lua/record_events.lua).

        Raises Unavailable when they were refused or their outcome is unknown, InvalidRequest when the
        key belongs to another request.
        """
        count = len(script_args) // ARGS_PER_EVENT
        if self._failing:
            raise _unreachable()
        if self.memory_full:
            raise Unavailable("memory_full", "The archive is behind and Redis is nearly full; nothing was applied", 5)
        if self._waiting + count > self._settings.queue_events and self._waiting:
            raise Unavailable("queue_full", "More events are waiting than this process takes; nothing was applied")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.write_deadline_seconds
        submission = _Submission(script_args, key, deadline, loop.create_future())
        self._waiting += count
        self._enqueue(submission)
        if not self._flushing or (self._ready >= CALL_EVENTS and self._flushing < MAX_CALLS):
            self._flushing += 1
            flusher = asyncio.create_task(self._flush())
            self._flushers.add(flusher)
            flusher.add_done_callback(self._flushers.discard)
        return await submission.answer

    async def drain(self) -> None:
        """Waits until everything submitted has its answer."""
        while self._flushers:
            await asyncio.wait(self._flushers)

    def _enqueue(self, submission: _Submission) -> None:
        self._queue.append(submission)
        self._ready += submission.weight

    async def _flush(self) -> None:
        """Makes calls while there is something for them; does not raise."""
        clock = asyncio.get_running_loop().time
        while self._ready >= CALL_EVENTS or (self._ready and not self._calls):
            group, args = self._next_group()
            self._calls += 1
            start = clock()
            try:
                await self._flush_group(group, args)
            except Exception:
                log.exception("A flush failed", extra={"action": "flush_failed"})
                for submission, _ in group:
                    self._finish(submission, Unavailable("outcome_unknown", "The outcome of this request is unknown"))
            finally:
                self._calls -= 1
                self._call_seconds = clock() - start
        self._flushing -= 1

    async def _flush_group(self, group: list[tuple[_Submission, int]], args: list[str]) -> None:
        first = group[0][0]
        token = new_token()
        call, seconds, fingerprint = token, RETRY_ANSWER_SECONDS, ""
        if first.key is not None:
            part = first.sent // (CALL_EVENTS * ARGS_PER_EVENT)
            call, seconds, fingerprint = f"{first.key.name}:{part}", first.key.seconds, first.key.fingerprint
        script = record_rest if first.outcomes else record_events
        record = RecordCall(
            token, self._settings.lease_us, self._settings.expiry_bucket_seconds, call, seconds, fingerprint
        )
        try:
            deadline = max(submission.deadline for submission, _ in group)
            outcomes = await self._call(script, record, args, deadline)
        except (Unavailable, InvalidRequest) as error:
            for submission, _ in group:
                self._finish(submission, partly_applied(error) if submission.outcomes else error)
            return
        self.accepted += len(outcomes)
        start = 0
        for submission, count in group:
            submission.outcomes.append(outcomes[start : start + count])
            submission.sent += count * ARGS_PER_EVENT
            start += count
            if submission.sent == len(submission.script_args):
                self._finish(submission, None)
            else:
                self._enqueue(submission)

    def _next_group(self) -> tuple[list[tuple[_Submission, int]], list[str]]:
        """Takes up to CALL_EVENTS events from the head of the queue."""
        group: list[tuple[_Submission, int]] = []
        args: list[str] = []
        calm = self._waiting <= CALM_EVENTS and self._call_seconds <= CALM_CALL_SECONDS
        room = CALM_CALL_EVENTS if calm and self._queue[0].key is None else CALL_EVENTS
        queue = self._queue
        while queue and room:
            if group and queue[0].alone:
                break
            submission = queue.popleft()
            self._ready -= submission.weight
            count = min(room, submission.next_events)
            group.append((submission, count))
            args += submission.script_args[submission.sent : submission.sent + count * ARGS_PER_EVENT]
            room -= count
            if submission.alone:
                break
        return group, args

    def _finish(self, submission: _Submission, error: Unavailable | InvalidRequest | None) -> None:
        self._waiting -= len(submission.script_args) // ARGS_PER_EVENT
        if submission.answer.done():
            return  # the client is gone
        if error is None:
            submission.answer.set_result("".join(submission.outcomes))
        else:
            submission.answer.set_exception(error)

    async def _call(self, script: Script, record: RecordCall, script_args: list[str], deadline: float) -> str:
        """One script call, repeated with the same token until it answers or the deadline passes."""
        clock = asyncio.get_running_loop().time
        failing = 0
        maybe_applied = False
        refreshed = False
        try:
            while True:
                try:
                    if self._epoch is None:
                        self._epoch = await self._read_epoch()
                    outcomes = await self._run(script, record.keys(self._keys), record.args(self._epoch, script_args))
                    if failing:
                        log.info("Redis answers again", extra={"action": "redis_back"})
                    return outcomes.decode()
                except BusyLoadingError:
                    pass  # refused before it ran
                except (RedisConnectionError, RedisTimeoutError) as error:
                    maybe_applied = maybe_applied or not isinstance(error, NotSent)
                    if not self._failing:
                        log.error("Redis does not answer", exc_info=error, extra={"action": "redis_lost"})
                except ResponseError as error:
                    if str(error).startswith("EPOCH") and not refreshed:
                        refreshed, self._epoch = True, None
                        continue
                    raise self._refusal(error) from error
                except RedisError as error:
                    raise self._refusal(error) from error
                if not failing:
                    failing = 1
                    self._failing += 1
                self._reject_waiting()
                if not maybe_applied:
                    raise _unreachable()
                if clock() + RETRY_PAUSE_SECONDS > deadline:
                    raise Unavailable(
                        "outcome_unknown",
                        "Redis did not answer in time; the events may have been applied. "
                        "Repeating the request with the same Idempotency-Key is safe",
                    )
                await asyncio.sleep(RETRY_PAUSE_SECONDS)
        finally:
            self._failing -= failing

    async def _run(self, script: Script, keys: list[str], args: list[str]) -> bytes:
        """The script's answer, once enough replicas hold what it wrote. Raises RedisError."""
        call = packed("EVALSHA", script.sha, len(keys), *keys, *args)
        wanted, count = self._settings.wait_replicas, 1
        if wanted:
            # On the same connection, behind the call: WAIT is about what its own connection wrote.
            call += packed("WAIT", wanted, int(self._settings.redis_timeout_seconds * 500))
            count = 2
        replies = await self._redis.run(call, count)
        if isinstance(replies[0], NoScriptError):
            # A fresh server, or a restarted one.
            replies = (await self._redis.run(packed("SCRIPT", "LOAD", script.source) + call, 1 + count))[1:]
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        if wanted and replies[1] < wanted:
            raise RedisTimeoutError("not enough replicas hold the write")
        outcomes: bytes = replies[0]
        return outcomes

    async def _read_epoch(self) -> str:
        (epoch,) = await self._redis.run(packed("GET", self._keys.epoch), 1)
        if isinstance(epoch, Exception):
            raise epoch
        if epoch is None:
            raise Unavailable("partition_closed", "The counters are not open; nothing was applied")
        known = await archived_epoch(self._settings, self._keys.partition)
        if known not in (None, epoch.decode()):
            raise Unavailable("partition_closed", "This is not the Redis of this service; nothing was applied")
        return str(epoch.decode())

    def _reject_waiting(self) -> None:
        """While a lost call is being found out about, those behind it are told at once."""
        waiting, self._queue, self._ready = self._queue, deque(), 0
        for submission in waiting:
            if submission.sent:
                self._enqueue(submission)
            else:
                self._finish(submission, _unreachable())

    def _refusal(self, error: RedisError) -> Unavailable | InvalidRequest:
        """What an error reply means. All of them come before the script's first write."""
        text = str(error)
        if text.startswith("CONFLICT"):
            return InvalidRequest(422, "idempotency_key_reused", "This Idempotency-Key was used with another request")
        if text.startswith("EPOCH"):
            self._epoch = None
            return Unavailable("partition_closed", "The counters are being rebuilt; nothing was applied", 5)
        log.error("Redis refused a call", exc_info=error, extra={"action": "redis_refused"})
        if isinstance(error, OutOfMemoryError):
            return Unavailable("out_of_memory", "Redis has no room for more events; nothing was applied", 5)
        return Unavailable("redis_refused", "Redis does not take writes now; nothing was applied", 5)


def partly_applied(error: Unavailable | InvalidRequest) -> Unavailable:
    """The error of a request of which another part was applied."""
    return Unavailable(
        "partly_applied",
        f"{error.title}. Earlier events of this request were applied; "
        "repeating it with the same Idempotency-Key is safe",
    )


def _unreachable() -> Unavailable:
    return Unavailable("redis_unavailable", "Redis cannot be reached; nothing was applied")
