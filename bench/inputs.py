"""What is sent: the same users, areas and kinds of events to every side of a comparison."""

import random
from pathlib import Path
from typing import Any

import orjson

from app.contract import samples

USERS = 50_000
AREAS = 900
# Ten modes: with only the five of the samples, the answers of GET /stats would be half as long.
MODES = (*samples.MODES, "ranked", "arena", "siege", "race", "zen")


def event(user: int, events_name: str) -> dict[str, Any]:
    """An event of one of USERS users: every user plays one mode in one area."""
    return {
        "area_code": 101 + user % AREAS,
        "multiplayer_mode": MODES[user // AREAS % len(MODES)],
        "user_id": f"player-{user:06}",
        "events_name": events_name,
    }


def random_events(count: int, seed: int) -> list[dict[str, Any]]:
    """LOGIN or LOGOUT of random users, as redis-benchmark makes them for the minimal script."""
    rng = random.Random(seed)
    return [event(rng.randrange(USERS), rng.choice(("LOGIN", "LOGOUT"))) for _ in range(count)]


def event_bodies(requests: int, events: int, seed: int) -> list[bytes]:
    """Bodies of POST /events with `events` random events each; a single event is sent without the list."""
    rng = random.Random(seed)
    bodies = []
    for _ in range(requests):
        items = random_events(events, rng.randrange(2**60))
        bodies.append(orjson.dumps(items[0] if events == 1 else {"items": items}))
    return bodies


def login_body(first: int, users: int) -> bytes:
    """The body of POST /events that logs in `users` users from number `first` on."""
    return orjson.dumps({"items": [event(user, "LOGIN") for user in range(first, first + users)]})


def write_lines(folder: Path, name: str, lines: list[bytes]) -> str:
    """Writes a file for bench/wrk.lua, a request a line; returns its path."""
    path = folder / name
    path.write_bytes(b"\n".join(lines) + b"\n")
    return str(path)
