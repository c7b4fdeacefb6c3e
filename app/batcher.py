"""Group commit: events that arrive together share a script call, one call in flight per partition.

While a call is in flight the next group gathers. The flush runs in a task of its own, so a client that
hangs up or a cancelled request cannot stop it; an answer is given only after the call that holds its
events has returned.
"""

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import (
    BusyLoadingError,
    OutOfMemoryError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.audit import archived_epoch
from app.contract.event import FLAT_WIDTH
from app.contract.keys import Keys
from app.contract.token import new_token
from app.errors import InvalidRequest, Unavailable
from app.settings import Settings
from lua import Script, record_events, record_rest

log = logging.getLogger(__name__)

# Events of one script call. It bounds how long Redis is held (about 1 ms), and it is not a setting: the
# parts of a request with an Idempotency-Key must fall the same way when it is repeated.
CALL_EVENTS = 200
# How long the answer to a call is kept for its own retries, which end with the write deadline (30 s at most).
RETRY_ANSWER_SECONDS = 60
RETRY_PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class RequestKey:
    """What an `Idempotency-Key` stands for: a name for its call keys, a digest of the body, its lifetime."""

    name: str
    fingerprint: str
    seconds: int


@dataclass(eq=False)
class _Submission:
    """The events of one request in one partition, on their way through one or more calls."""

    flat: list[str]
    key: RequestKey | None
    deadline: float
    answer: asyncio.Future[str]
    sent: int = 0
    outcomes: list[str] = field(default_factory=list)


class Batcher:
    """Takes the events of one partition to Redis."""

    def __init__(self, redis: Redis, keys: Keys, settings: Settings) -> None:
        self._redis = redis
        self._keys = keys
        self._settings = settings
        self._epoch: str | None = None
        self._queue: deque[_Submission] = deque()
        self._waiting = 0
        self._flusher: asyncio.Task[None] | None = None
        self._failing = False
        self.memory_full = False
        self._lease = str(settings.lease_us)
        self._width = str(settings.wheel_width)

    async def submit(self, flat: list[str], key: RequestKey | None = None) -> str:
        """Applies the events; returns one outcome letter each (lua/record_events.lua).

        Raises Unavailable when they were refused or their outcome is unknown, InvalidRequest when the
        key belongs to another request.
        """
        count = len(flat) // FLAT_WIDTH
        if self._failing:
            raise _unreachable()
        if self.memory_full:
            raise Unavailable("memory_full", "The archive is behind and Redis is nearly full; nothing was applied", 5)
        if self._waiting + count > self._settings.queue_events and self._waiting:
            raise Unavailable("queue_full", "More events are waiting than this process takes; nothing was applied")
        deadline = time.monotonic() + self._settings.write_deadline_seconds
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._queue.append(_Submission(flat, key, deadline, answer))
        self._waiting += count
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush(), name=f"flush {self._keys.tag}")
        return await answer

    async def drain(self) -> None:
        """Waits until everything submitted has its answer."""
        while self._flusher is not None:
            await asyncio.wait([self._flusher])

    async def _flush(self) -> None:
        try:
            while self._queue:
                await self._flush_group()
        except Exception:
            log.exception("A flush failed", extra={"action": "flush_failed"})
            for submission in list(self._queue):
                self._finish(submission, Unavailable("outcome_unknown", "The outcome of this request is unknown"))
        finally:
            self._flusher = None

    async def _flush_group(self) -> None:
        group, args, key = self._next_group()
        token = new_token()
        call = self._keys.call(token if key is None else key)
        seconds, fingerprint = str(RETRY_ANSWER_SECONDS), ""
        request = group[0][0].key
        if request is not None:
            seconds, fingerprint = str(request.seconds), request.fingerprint
        keys = [self._keys.epoch, call, self._keys.events, self._keys.areas, self._keys.expiry]
        head = [token, self._lease, self._width, seconds, fingerprint]
        try:
            deadline = max(submission.deadline for submission, _ in group)
            script = record_rest if group[0][0].outcomes else record_events
            outcomes = await self._call(script, keys, head + args, deadline)
        except (Unavailable, InvalidRequest) as error:
            for submission, _ in group:
                self._finish(submission, partly_applied(error) if submission.outcomes else error)
            return
        finally:
            self._failing = False
        start = 0
        for submission, count in group:
            submission.outcomes.append(outcomes[start : start + count])
            start += count
            if submission.sent == len(submission.flat):
                self._finish(submission, None)

    def _next_group(self) -> tuple[list[tuple[_Submission, int]], list[str], str | None]:
        """Takes up to CALL_EVENTS events from the head of the queue.

        A request with a key goes alone, and so do the later parts of a large one: other scripts or keys are theirs.
        """
        group: list[tuple[_Submission, int]] = []
        args: list[str] = []
        room = CALL_EVENTS * FLAT_WIDTH
        name: str | None = None
        for submission in self._queue:
            alone = submission.key is not None or bool(submission.outcomes)
            if group and alone:
                break
            if submission.key is not None:
                name = f"{submission.key.name}:{submission.sent // (CALL_EVENTS * FLAT_WIDTH)}"
            part = submission.flat[submission.sent : submission.sent + room]
            submission.sent += len(part)
            group.append((submission, len(part) // FLAT_WIDTH))
            args += part
            room -= len(part)
            if alone or room <= 0:
                break
        return group, args, name

    def _finish(self, submission: _Submission, error: Unavailable | InvalidRequest | None) -> None:
        self._queue.remove(submission)
        self._waiting -= len(submission.flat) // FLAT_WIDTH
        if submission.answer.done():
            return  # the client is gone
        if error is None:
            submission.answer.set_result("".join(submission.outcomes))
        else:
            submission.answer.set_exception(error)

    async def _call(self, script: Script, keys: list[str], args: list[str], deadline: float) -> str:
        """One script call, repeated with the same token until it answers or the deadline passes."""
        maybe_applied = False
        refreshed = False
        while True:
            try:
                if self._epoch is None:
                    self._epoch = await self._read_epoch()
                outcomes: bytes = await script(self._redis, keys, [self._epoch, *args])
                maybe_applied = True
                await self._replicate()
                if self._failing:
                    log.info("Redis answers again", extra={"action": "redis_back"})
                return outcomes.decode()
            except BusyLoadingError:
                pass  # refused before it ran
            except (RedisConnectionError, RedisTimeoutError) as error:
                maybe_applied = maybe_applied or not _never_connected(error)
                if not self._failing:
                    log.error("Redis does not answer", exc_info=error, extra={"action": "redis_lost"})
            except ResponseError as error:
                if str(error).startswith("EPOCH") and not refreshed:
                    refreshed, self._epoch = True, None
                    continue
                raise self._refusal(error) from error
            except RedisError as error:
                raise self._refusal(error) from error
            self._failing = True  # until this group has its answer
            self._reject_waiting()
            if not maybe_applied:
                raise _unreachable()
            if time.monotonic() + RETRY_PAUSE_SECONDS > deadline:
                raise Unavailable(
                    "outcome_unknown",
                    "Redis did not answer in time; the events may have been applied. "
                    "Repeating the request with the same Idempotency-Key is safe",
                )
            await asyncio.sleep(RETRY_PAUSE_SECONDS)

    async def _replicate(self) -> None:
        """Waits until enough replicas hold what this connection wrote. Raises RedisTimeoutError."""
        wanted = self._settings.wait_replicas
        if wanted:
            milliseconds = int(self._settings.redis_timeout_seconds * 500)
            if await self._redis.wait(wanted, milliseconds) < wanted:
                raise RedisTimeoutError("not enough replicas hold the write")

    async def _read_epoch(self) -> str:
        epoch: Any = await self._redis.get(self._keys.epoch)
        if epoch is None:
            raise Unavailable("partition_closed", "The counters are not open; nothing was applied")
        known = await archived_epoch(self._settings, self._keys.partition)
        if known not in (None, epoch.decode()):
            raise Unavailable("partition_closed", "This is not the Redis of this service; nothing was applied")
        return str(epoch.decode())

    def _reject_waiting(self) -> None:
        """While a lost call is being found out about, those behind it are told at once."""
        for submission in [s for s in self._queue if not s.sent]:
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


def _never_connected(error: RedisError) -> bool:
    """Whether redis-py failed before it had a connection: then nothing was sent, and surely not applied."""
    return "connecting to" in str(error)


def partly_applied(error: Unavailable | InvalidRequest) -> Unavailable:
    """The error of a request of which another part was applied."""
    return Unavailable(
        "partly_applied",
        f"{error.title}. Earlier events of this request were applied; "
        "repeating it with the same Idempotency-Key is safe",
    )


def _unreachable() -> Unavailable:
    return Unavailable("redis_unavailable", "Redis cannot be reached; nothing was applied")
