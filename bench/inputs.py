"""What is sent: the same users, areas and kinds of events on both sides."""

import random
from pathlib import Path
from typing import Any

import orjson

USERS = 50_000
AREAS = 900
MODES = (
    "duel",
    "team_deathmatch",
    "capture_the_flag",
    "battle_royale",
    "co_op",
    "ranked",
    "arena",
    "siege",
    "race",
    "zen",
)


def event(user: int, kind: str) -> dict[str, Any]:
    """Every user plays one mode in one area."""
    return {
        "area_code": 101 + user % AREAS,
        "multiplayer_mode": MODES[user // AREAS % len(MODES)],
        "user_id": f"player-{user:06}",
        "events_name": kind,
    }


def random_events(count: int, seed: int, users: int = USERS) -> list[dict[str, Any]]:
    """Users and kinds at random, as redis-benchmark makes them for the minimal script."""
    chance = random.Random(seed)
    return [event(chance.randrange(users), chance.choice(("LOGIN", "LOGOUT"))) for _ in range(count)]


def bodies(requests: int, events: int, seed: int) -> list[bytes]:
    """Request bodies of `events` events each; a single event goes bare."""
    chance = random.Random(seed)
    made = []
    for _ in range(requests):
        items = random_events(events, chance.randrange(2**60))
        made.append(orjson.dumps(items[0] if events == 1 else {"items": items}))
    return made


def log_ins(first: int, users: int) -> bytes:
    return orjson.dumps({"items": [event(user, "LOGIN") for user in range(first, first + users)]})


def written(folder: Path, name: str, lines: list[bytes]) -> str:
    path = folder / name
    path.write_bytes(b"\n".join(lines) + b"\n")
    return str(path)
