"""What Redis holds, read for a person: an area, a user, the end of the log, the keys."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

from app.contract.area_mode import split_area_mode
from app.contract.keys import keys_of, kind_of, partition_of
from app.contract.log import decode
from app.settings import Settings
from modepulse.status.redis_side import entries_of, partition_count

# Keys looked at in one step, which takes Redis about a millisecond.
SCAN_COUNT = 1000
# Entries read at a time, from the log's end on.
PAGE_ENTRIES = 20

# Kind of key -> what it holds.
MEANINGS = {
    "area:": "counters of an area",
    "user:": "sessions of a user",
    "expiry": "index of the timer wheel",
    "expiry:": "sessions to look at in a second",
    "events": "the log",
    "areas": "areas with players, and those that had some in the last day",
    "idle_areas": "areas without players, to be forgotten after a day",
    "new_areas": "areas that became known in this minute",
    "area_players": "players by area, of all modes",
    "mode_players": "players by mode, of all areas",
    "area_players:": "the same, being counted anew",
    "mode_players:": "the same, being counted anew",
    "totals": "players of all, and how far in the log they are counted",
    "kept_answers": "how many answers to Idempotency-Keys are kept",
    "epoch": "token of the partition's present life; without it the partition is closed",
    "archived": "last archived position of the log, for people",
    "purge_before": "the log up to here goes once it is archived: it names an erased user",
    "let_go": "the same, of an earlier release",
    "call:": "answers kept for repeated requests",
    "partitions": "how many partitions there are",
    "accepted": "events accepted so far",
    "keys": "API keys; `modepulse keys list` shows them",
    "secret": "what the API processes sign with",
    "building": "a state that is being rebuilt",
}


@dataclass(frozen=True)
class Session:
    """A user's session. `at`: of its last event, in seconds since 1970."""

    area_code: str
    multiplayer_mode: str
    active: bool
    at: float


async def read_area(redis: Redis, settings: Settings, area_code: str) -> list[tuple[str, int]]:
    """(mode, users), most played first. Raises RedisError."""
    partition = partition_of(area_code, await partition_count(redis, settings.partitions))
    found: Any = await redis.zrevrange(keys_of(partition).area(area_code), 0, -1, withscores=True)
    return [(_text(mode), int(count)) for mode, count in found]


async def read_user(redis: Redis, settings: Settings, user_id: str) -> list[Session]:
    """Active ones first, then those that were logged out less than a lease ago; the latest first. Raises RedisError."""
    sessions = []
    for partition in range(await partition_count(redis, settings.partitions)):
        found: Any = await redis.zrange(keys_of(partition).user(user_id), 0, -1, withscores=True)
        for area_mode, at in found:
            sessions.append(Session(*split_area_mode(_text(area_mode)), at > 0, abs(at) / 1_000_000))
    return sorted(sessions, key=lambda session: (session.active, session.at), reverse=True)


async def read_log(redis: Redis, settings: Settings, last: int) -> list[dict[str, Any]]:
    """The last events of the log, the newest at the end, each with its outcome. Raises RedisError."""
    events: list[dict[str, Any]] = []
    for partition in range(await partition_count(redis, settings.partitions)):
        events += await _read_log_end(redis, partition, last)
    events.sort(key=lambda event: (event["at"], event["position"]))
    return events[-last:]


async def _read_log_end(redis: Redis, partition: int, last: int) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    before = "+"
    while len(events) < last:
        page: Any = await redis.xrevrange(keys_of(partition).events, before, "-", count=PAGE_ENTRIES)
        rows, rejects = decode(partition, reversed(entries_of(page)))
        found = [
            {
                "position": f"{row.stream_ms}-{row.stream_seq}",
                "at": row.stream_ms / 1000,
                "events_name": row.events_name,
                "outcome": row.outcome,
                "delta": row.delta,
                "area_code": row.area_code,
                "multiplayer_mode": row.multiplayer_mode,
                "user_id": row.user_id,
                "epoch_timestamp": row.epoch_timestamp,
            }
            for row in rows
        ]
        found += [
            {"position": f"{r.stream_ms}-{r.stream_seq}", "at": r.stream_ms / 1000, "unreadable": r.reason}
            for r in rejects
        ]
        events = found + events
        if len(page) < PAGE_ENTRIES:
            break
        before = f"({_text(page[-1][0])}"
    return events


async def read_keys(redis: Redis) -> Counter[str]:
    """How many keys there are of each kind; "" for those that are not Modepulse's. Raises RedisError."""
    kinds: Counter[str] = Counter()
    cursor = 0
    while True:
        keys: Any
        cursor, keys = await redis.scan(cursor, count=SCAN_COUNT)
        kinds.update(kind_of(_text(key)) for key in keys)
        if not cursor:
            return kinds


def shown(text: str) -> str:
    """Without characters that a terminal would act on."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def time_of(seconds: float) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(value: bytes) -> str:
    return value.decode(errors="backslashreplace")
