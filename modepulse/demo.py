"""`modepulse dev --demo`: a week of history, and the players who go on from there.

The history is one that the players could have had: by the same names, in the same areas with the same favourite modes,
as many at a time as there are now, and in the course of each day fewer. All of them have left at its end, so that the
live counters hold who plays now and nothing else.
"""

import asyncio
import math
import random
import time
from collections.abc import Iterator
from enum import Enum
from heapq import heappop, heappush
from itertools import groupby

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.contract.connection import connect as connect_to_redis
from app.contract.log import LOG_START, Entry
from app.contract.sql import load_sql
from app.settings import Settings
from archiver import stream
from archiver.postgres import connect, migrate
from modepulse.backfill import DAY_SECONDS, MINUTE_SECONDS, entries_of, write_history
from modepulse.simulate import Event, World

HAS_HISTORY = load_sql("modepulse", "has_history")
HAS_EVENTS = load_sql("modepulse", "has_events")

SEED, USERS, AREAS, RATE, CRASHES, HEAD_START_SECONDS = 1, 300, 10, 30, 0.005, 15
# The command of the players who play until the stack is stopped.
PLAYERS = [
    *("simulate", "--rate", str(RATE), "--users", str(USERS), "--areas", str(AREAS), "--seed", str(SEED)),
    *("--crashes", str(CRASHES), "--head-start", str(HEAD_START_SECONDS), "--duration", "1e9"),
]
# The week that charts show, and a little before, in which players come in.
HISTORY_SECONDS = 7 * DAY_SECONDS + 7200
SESSION_SECONDS = 3000
# Players at a time: now, and by how much of the mean it goes up and down in the course of a day.
PLAYING_NOW, WAVE = 200, 0.55
# The busiest time of a day is this long ago.
SINCE_PEAK_SECONDS = 7200
CRASHED = 0.04


class History(Enum):
    """What became of the demo's history; the value is for the person at the terminal."""

    WRITTEN = "wrote a week of history for the demo"
    KEPT = ""
    REFUSED = "this data directory has events of its own, so the demo adds no history to them"


def write_week(settings: Settings) -> History | None:
    """Writes the history into stores without any event, and never into others; None while a store does not answer.

    Raises PostgresError and EditedMigration.
    """

    async def run() -> History:
        redis = connect_to_redis(settings)
        try:
            return await _write_week(settings, redis)
        finally:
            await redis.aclose()

    try:
        return asyncio.run(run())
    except (RedisError, OSError, TimeoutError):
        return None


async def _write_week(settings: Settings, redis: Redis) -> History:
    connection = await connect(settings.postgres_dsn, patient=True)
    try:
        await migrate(connection)
        if await connection.fetchval(HAS_HISTORY):
            return History.KEPT
        if await connection.fetchval(HAS_EVENTS) or await _log_has_events(settings, redis):
            return History.REFUSED
        end = int(time.time())
        week = _batches(World(SEED, USERS, AREAS, settings.session_lease_seconds), end)
        await write_history(connection, end - HISTORY_SECONDS, week, round(_expected_events()))
        return History.WRITTEN
    finally:
        connection.terminate()


async def _log_has_events(settings: Settings, redis: Redis) -> bool:
    """Whether Redis has some, which Postgres may not have yet."""
    for partition in range(settings.partitions):
        if (await stream.read(redis, partition, LOG_START, 1)).entries_added:
            return True
    return False


def _starts_per_second(before_end: float) -> float:
    """How many players arrive, so many seconds before the end of the history."""

    def level(seconds: float) -> float:
        return 1 + WAVE * math.cos((seconds - SINCE_PEAK_SECONDS) / DAY_SECONDS * math.tau)

    return PLAYING_NOW / SESSION_SECONDS * level(before_end) / level(0)


def _expected_events() -> float:
    """Two of each session."""
    minutes = range(0, HISTORY_SECONDS, MINUTE_SECONDS)
    return 2 * sum(_starts_per_second(before_end) * MINUTE_SECONDS for before_end in minutes)


def _batches(world: World, end: int) -> Iterator[list[Entry]]:
    """The log until `end` (seconds since 1970), a day at a time."""
    events = sorted(_events(world, end), key=lambda timed: timed[0])
    minute_us = MINUTE_SECONDS * 1_000_000
    for _, day in groupby(events, key=lambda timed: timed[0] // 1_000_000 // DAY_SECONDS):
        batch: list[Entry] = []
        for minute, timed in groupby(day, key=lambda timed: timed[0] // minute_us):
            batch += entries_of(minute * MINUTE_SECONDS, [(at - minute * minute_us, event) for at, event in timed])
        yield batch


def _events(world: World, end: int) -> Iterator[tuple[int, Event]]:
    """(microseconds since 1970, event), session by session. Each player has one session at a time."""
    chance = random.Random(world.seed)
    names: list[tuple[float, int]] = [(0.0, number) for number in range(1, world.users + 1)]  # free from then on
    at = float(end - HISTORY_SECONDS)
    while (at := at + chance.expovariate(_starts_per_second(end - at))) < end - 1:
        free_at, number = heappop(names)
        if free_at > at:  # all are playing: one more comes along
            heappush(names, (free_at, number))
            number = len(names) + 1
        area, mode = world.choose_place()
        left = at + chance.expovariate(1 / SESSION_SECONDS)
        crashed = chance.random() < CRASHED and left + world.lease < end
        over = min(left + world.lease * crashed, end - chance.random() / 2)
        heappush(names, (over, number))
        place = {"area_code": area, "multiplayer_mode": mode, "user_id": world.name_of(number)}
        yield round(at * 1e6), {**place, "events_name": "LOGIN"}
        yield round(over * 1e6), {**place, "events_name": "EXPIRE" if crashed else "LOGOUT"}
