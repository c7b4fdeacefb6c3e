"""Reads the timer wheel in steps, while sessions are put on it and moved along it.

A bucket only grows until its second has passed. Then its sessions are taken out, the earliest bucket's first, and end
or go to a later bucket. So while nothing is taken out, it is enough to read each bucket once to its end.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from app.contract.keys import Keys
from archiver.log_follower import LogFollower

PAGE = 1000  # of sessions, of buckets
ROUNDS = 400
PAUSE_SECONDS = 0.1


class _Head(NamedTuple):
    """The earliest bucket: its second, whether that has passed, and if so how many sessions are left in it."""

    second: int | None
    due: bool
    length: int


async def read_wheel(keys: Keys, follower: LogFollower, seen: Callable[[list[bytes]], None]) -> bool:
    """Calls `seen` with the sessions "user|area|mode" of the wheel, some more than once.

    Returns whether it is certain that these are all that were on the wheel the whole time; if not, sessions were
    taken out of it without a pause. Raises Disturbed and RedisError.
    """
    lengths: dict[int, int] = {}  # second -> how many sessions of its bucket were read
    for _ in range(ROUNDS):
        before = await _head(keys, follower)
        if before.due:
            await asyncio.sleep(PAUSE_SECONDS)
            if await _head(keys, follower) != before:
                continue
        await _read_rest(keys, follower, seen, lengths)
        if await _head(keys, follower) == before:
            return True
    return False


async def _head(keys: Keys, follower: LogFollower) -> _Head:
    """Equal to an earlier one: nothing was taken out in between."""
    now, earliest = await follower.observe(("TIME",), ("ZRANGE", keys.expiry, 0, 0))
    if not earliest:
        return _Head(None, False, 0)
    second = int(earliest[0])
    if second > now[0]:
        return _Head(second, False, 0)
    [length] = await follower.observe(("LLEN", keys.expiry_bucket(second)))
    return _Head(second, True, length)


async def _read_rest(
    keys: Keys, follower: LogFollower, seen: Callable[[list[bytes]], None], lengths: dict[int, int]
) -> None:
    """Reads each bucket, from the earliest on, where it has grown since it was read; one that is due in full."""
    last = -1
    while True:
        now, seconds = await follower.observe(
            ("TIME",), ("ZRANGEBYSCORE", keys.expiry, f"({last}", "+inf", "LIMIT", 0, PAGE)
        )
        for second in map(int, seconds):
            if second <= now[0]:
                lengths[second] = 0  # sessions may have been taken out
            await _read_bucket(keys, follower, seen, lengths, second)
            last = second
        if len(seconds) < PAGE:
            return


async def _read_bucket(
    keys: Keys, follower: LogFollower, seen: Callable[[list[bytes]], None], lengths: dict[int, int], second: int
) -> None:
    first = lengths.get(second, 0)
    while True:
        [sessions] = await follower.observe(("LRANGE", keys.expiry_bucket(second), first, first + PAGE - 1))
        seen(sessions)
        first += len(sessions)
        lengths[second] = first
        if len(sessions) < PAGE:
            return
