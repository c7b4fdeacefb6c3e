"""A group's script call, repeated with the same token until its outcome is known.

MEANINGS is the one table of what an error from Redis says about the call and what follows from it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from time import perf_counter
from typing import NamedTuple

from redis.exceptions import BusyLoadingError, NoScriptError, OutOfMemoryError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.contract.calls import UNLIMITED, RecordCall, admission
from app.contract.keys import Keys
from app.contract.token import new_token
from app.errors import InvalidRequest, Unavailable
from app.live.call_metrics import CallMetrics
from app.live.limits import limits_of_partition
from app.live.multiplexer import Multiplexer, NotSent, packed
from app.live.refusals import (
    OverLimit,
    key_reused,
    out_of_memory,
    outcome_unknown,
    over_limit,
    partition_closed,
    redis_refused,
    too_many_keys,
    unreachable,
)
from app.live.submission import Group
from app.settings import Settings
from lua import Script, admit_areas, record_events, record_rest

log = logging.getLogger(__name__)

# How long the answer to a call is kept for its own retries, which end with the write deadline (30 s at most).
RETRY_ANSWER_SECONDS = 60
RETRY_PAUSE_SECONDS = 0.05


class Meaning(Enum):
    """What an error says about the attempt it answers."""

    NOT_RUN = auto()
    """Refused or not sent before the script ran."""
    LOST = auto()
    """No answer: the script may have run."""
    OTHER_EPOCH = auto()
    """The script ran and refused: the epoch is not the one we know."""
    KEY_REUSED = auto()
    TOO_MANY_KEYS = auto()
    OVER_LIMIT = auto()
    NO_ROOM = auto()
    REFUSED = auto()


class _Case(NamedTuple):
    error: type[RedisError]
    text: str
    """How its text starts."""
    meaning: Meaning


# The first case that fits. All replies of the last seven come before the script's first write.
MEANINGS = (
    _Case(BusyLoadingError, "", Meaning.NOT_RUN),
    _Case(NotSent, "", Meaning.NOT_RUN),
    _Case(RedisConnectionError, "", Meaning.LOST),
    _Case(RedisTimeoutError, "", Meaning.LOST),
    _Case(ResponseError, "EPOCH", Meaning.OTHER_EPOCH),
    _Case(ResponseError, "CONFLICT", Meaning.KEY_REUSED),
    _Case(ResponseError, "ANSWERS", Meaning.TOO_MANY_KEYS),
    _Case(ResponseError, "LIMIT", Meaning.OVER_LIMIT),
    _Case(OutOfMemoryError, "", Meaning.NO_ROOM),
    _Case(RedisError, "", Meaning.REFUSED),
)
_REFUSALS: dict[Meaning, Callable[[], Unavailable | InvalidRequest]] = {
    Meaning.OTHER_EPOCH: partition_closed,
    Meaning.KEY_REUSED: key_reused,
    Meaning.TOO_MANY_KEYS: too_many_keys,
    Meaning.NO_ROOM: out_of_memory,
    Meaning.REFUSED: redis_refused,
}


def meaning_of(error: RedisError) -> Meaning:
    """The first case of MEANINGS that fits."""
    return next(c.meaning for c in MEANINGS if isinstance(error, c.error) and str(error).startswith(c.text))


class ScriptCall:
    """Records the groups of one partition; an app.live.group_commit.Recorder.

    `known_epoch` returns the epoch that the archive knows for a partition, None when it knows none or cannot be asked:
    it is asked when this process meets an epoch it has not seen, as a Redis that is not ours has one, too.
    """

    def __init__(
        self, redis: Multiplexer, keys: Keys, settings: Settings, known_epoch: Callable[[int], Awaitable[str | None]]
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._settings = settings
        self._known_epoch = known_epoch
        self._limits = limits_of_partition(settings)
        # A request whose first part was taken is not refused half-way for its key.
        self._limits_of_rest = replace(self._limits, answers=UNLIMITED.answers)
        self._epoch: str | None = None
        self._answering = True
        self.lost = 0
        self.metrics = CallMetrics()

    async def record(self, group: Group, on_lost: Callable[[], None]) -> str:
        """One outcome letter an event. Raises Unavailable, InvalidRequest, OverLimit."""
        script, call = record_rest if group.continues else record_events, self._call_of(group)
        progress = _Progress(group.deadline)
        try:
            while True:
                try:
                    return await self._attempt(script, call, group.script_args)
                except RedisError as error:
                    self._judge(error, progress)
                if progress.lost:
                    on_lost()
                    await progress.pause()
        except (Unavailable, OverLimit) as error:
            # What says that nothing was applied speaks of the last attempt only.
            if progress.maybe_applied and error.code != "outcome_unknown":
                raise outcome_unknown() from error
            raise
        finally:
            self.lost -= progress.lost

    async def admit(self, area_modes: list[str]) -> None:
        """Makes the areas known, so that the events of a request of several calls find them known.

        Raises OverLimit, by index, where these areas and modes are more than is allowed; then none is made known. An
        error of Redis is left to the calls that follow.
        """
        try:
            epoch = self._epoch = self._epoch or await self._read_epoch()
            keys, args = admission(self._keys, epoch, self._limits, area_modes)
            await self._run(admit_areas, keys, args)
        except RedisError as error:
            if meaning_of(error) is Meaning.OVER_LIMIT:
                raise over_limit(str(error)) from error

    def _call_of(self, group: Group) -> RecordCall:
        token = new_token()
        answer_key, seconds, fingerprint = token, RETRY_ANSWER_SECONDS, ""
        if group.key is not None:
            answer_key, seconds = f"{group.key.name}:{group.part}", group.key.seconds
            fingerprint = group.key.fingerprint
        lease_us, bucket_seconds = self._settings.lease_us, self._settings.expiry_bucket_seconds
        limits = self._limits_of_rest if group.continues else self._limits
        return RecordCall(token, lease_us, bucket_seconds, answer_key, seconds, fingerprint, limits)

    async def _attempt(self, script: Script, call: RecordCall, script_args: list[str]) -> str:
        """Raises RedisError, Unavailable."""
        if self._epoch is None:
            self._epoch = await self._read_epoch()
        start = perf_counter()
        outcomes = await self._run(script, call.keys(self._keys), call.args(self._epoch, script_args))
        if not self._answering:
            self._answering = True
            log.info("Redis answers again", extra={"action": "redis_back"})
        letters = outcomes.decode()
        self.metrics.note(script_args, letters, perf_counter() - start)
        return letters

    def _judge(self, error: RedisError, progress: "_Progress") -> None:
        """Returns when the call is to be attempted again. Raises Unavailable, InvalidRequest, OverLimit."""
        meaning = meaning_of(error)
        if meaning is Meaning.OVER_LIMIT:
            raise over_limit(str(error)) from error
        if meaning is Meaning.OTHER_EPOCH:
            self._epoch = None
            if not progress.epoch_read_anew:
                progress.epoch_read_anew = True
                return
        if meaning in _REFUSALS:
            if meaning in (Meaning.NO_ROOM, Meaning.REFUSED):
                log.error("Redis refused a call", exc_info=error, extra={"action": "redis_refused"})
            raise _REFUSALS[meaning]() from error
        if self._answering:
            self._answering = False
            log.error("Redis does not answer", exc_info=error, extra={"action": "redis_lost"})
        self.lost += not progress.lost
        progress.lost = True
        progress.maybe_applied |= meaning is Meaning.LOST

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
        """Raises RedisError, Unavailable."""
        (epoch,) = await self._redis.run(packed("GET", self._keys.epoch), 1)
        if isinstance(epoch, Exception):
            raise epoch
        if epoch is None:
            raise partition_closed("The counters are not open", 1)
        known = await self._known_epoch(self._keys.partition)
        if known not in (None, epoch.decode()):
            raise partition_closed("This is not the Redis of this service", 1)
        return str(epoch.decode())


@dataclass
class _Progress:
    """What the attempts of one call have shown so far. `deadline`: the event loop's time."""

    deadline: float
    lost: bool = False
    maybe_applied: bool = False
    epoch_read_anew: bool = False

    async def pause(self) -> None:
        """Before the next attempt. Raises Unavailable when there is none: nothing can have been applied, or it is
        too late."""
        if not self.maybe_applied:
            raise unreachable()
        if asyncio.get_running_loop().time() + RETRY_PAUSE_SECONDS > self.deadline:
            raise outcome_unknown()
        await asyncio.sleep(RETRY_PAUSE_SECONDS)
