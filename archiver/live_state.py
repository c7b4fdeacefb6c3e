"""Counters, sessions and timer wheel of a partition as they are at one moment, though they are read in many steps.

Every event that changes a counter is in the log, so what was read earlier is brought to the moment by what the log has
had since. Each step holds Redis for about a millisecond, however many sessions there are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from redis.asyncio import Redis

from app.contract.keys import keys_of
from app.contract.log import StreamId
from archiver.log_follower import LogFollower
from archiver.session_tally import ACTIVE, ACTIVE_SINCE, INACTIVE, ON_WHEEL, SessionTally
from archiver.snapshot import Snapshot
from archiver.timer_wheel import read_wheel
from lua import read_sessions

# Of lua/read_sessions.lua: 200 users of one session, in half a millisecond to one.
STEP_WORK = 300
# Of a key that is read there; of others so many are read at a time. Redis has larger sets in another encoding.
MAX_MEMBERS = 128
# Counters in a step.
MAX_COUNTERS = 250

# "area|mode" -> players
Counts = dict[str, int]


@dataclass(frozen=True)
class LiveState:
    """What Redis holds at one moment."""

    position: StreamId
    """The moment: after this entry of the log, before the next."""
    entries: int
    """How many the log had been given by then."""
    counters: Counts
    sessions: Counts
    """Active ones."""
    on_wheel: Counts | None
    """Active ones without those that should be on the timer wheel and are not; None when it could not be read."""


async def read_live_state(redis: Redis, partition: int, start: Snapshot, progress: Callable[[int], None]) -> LiveState:
    """Reads all of a partition, whose log was as in `start`; calls `progress` with the number of sessions so far.

    Raises Disturbed when it was healed, rebuilt or restarted since, and RedisError.
    """
    return await _Reading(redis, partition, start, progress).run()


class _Reading:
    """One reading of a partition. Sessions first: then the names of all counters are known."""

    def __init__(self, redis: Redis, partition: int, start: Snapshot, progress: Callable[[int], None]) -> None:
        self._keys = keys_of(partition)
        self._user_prefix, self._area_prefix = self._keys.user("").encode(), self._keys.area("").encode()
        self._progress = progress
        self._tally = SessionTally()
        self._active = ACTIVE  # what a session is when the log says that it became active
        self._counters: dict[bytes, int] = {}
        self._named: int | None = None  # how many area_modes had a name when all sessions were read
        self._sessions = 0
        self._follower = LogFollower(redis, partition, start, self._changed)

    async def run(self) -> LiveState:
        await self._read_sessions()
        self._named = len(self._tally.area_modes)
        self._active = ACTIVE_SINCE
        complete = await read_wheel(self._keys, self._follower, lambda some: self._tally.observe(some, ON_WHEEL))
        await self._read_counters(self._named)
        active, off_wheel = self._tally.count()
        return LiveState(
            position=self._follower.position,
            entries=self._follower.entries,
            counters=_texts(self._counters),
            sessions=_texts(active),
            on_wheel=_texts(active - off_wheel) if complete else None,
        )

    def _changed(self, session: bytes, area_mode: bytes, delta: int) -> None:
        self._tally.observe((session,), self._active if delta > 0 else INACTIVE)
        if area_mode in self._counters:
            self._counters[area_mode] += delta
        elif self._named is not None and self._tally.name(area_mode) >= self._named:
            self._counters[area_mode] = delta  # until now it was 0 all the time

    async def _read_sessions(self) -> None:
        cursor = b"0"
        while True:
            command = ("EVALSHA", read_sessions.sha, 1, self._keys.epoch, cursor, STEP_WORK, MAX_MEMBERS)
            [(cursor, *names)] = await self._follower.observe(command)
            active, logged_out, counters, unread = (text.split(b"\n") if text else [] for text in names)
            self._observe(active, ACTIVE)
            self._observe(logged_out, INACTIVE)
            for area_mode in counters:
                self._tally.name(area_mode)
            for key in unread:
                await self._read_key(key)
            self._progress(self._sessions)
            if cursor == b"0":
                return

    def _observe(self, sessions: list[bytes], observed: int) -> None:
        self._sessions += len(sessions)
        self._tally.observe(sessions, observed)

    async def _read_key(self, key: bytes) -> None:
        """Reads the sessions of one user, or the names of the modes of one area."""
        is_user = key.startswith(self._user_prefix)
        owner = key.removeprefix(self._user_prefix if is_user else self._area_prefix) + b"|"
        cursor = 0
        while True:
            [(cursor, page)] = await self._follower.observe(("ZSCAN", key, cursor, "COUNT", MAX_MEMBERS))
            if is_user:
                self._observe([owner + area_mode for area_mode, at in page if at > 0], ACTIVE)
                self._observe([owner + area_mode for area_mode, at in page if at <= 0], INACTIVE)
            else:
                for mode, _ in page:
                    self._tally.name(owner + mode)
            if not cursor:
                return

    async def _read_counters(self, named: int) -> None:
        """Reads the counters that had a name then."""
        for first in range(0, named, MAX_COUNTERS):
            page = self._tally.area_modes[first : min(first + MAX_COUNTERS, named)]
            pairs = [area_mode.split(b"|", 1) for area_mode in page]
            replies = await self._follower.observe(
                *(("ZSCORE", self._area_prefix + area, mode) for area, mode in pairs)
            )
            self._counters.update(zip(page, (int(count or 0) for count in replies), strict=True))


def _texts(counts: Mapping[bytes, int]) -> Counts:
    """Without those that are 0."""
    return {area_mode.decode(errors="backslashreplace"): count for area_mode, count in counts.items() if count}
