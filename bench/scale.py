"""The same work with more of everything: sessions, areas, modes of an area."""

import random
from dataclasses import dataclass
from pathlib import Path

import orjson

from app.contract.area_mode import join_area_mode
from app.contract.calls import RecordCall
from app.contract.token import new_token
from app.live.multiplexer import packed
from bench.inputs import MODES, written
from bench.load import Sample, costed, script_calls, wrk
from bench.scratch import KEYS, Scratch
from lua import record_events

CALL = 100
BATCH = 500
LEASE_US = 10**15  # us: nothing expires here


@dataclass(frozen=True)
class Size:
    """What there is while it is measured."""

    sessions: int
    areas: int
    modes: int = 10

    def session(self, user: int) -> tuple[str, str, str]:
        """(area, mode, user)"""
        mode = user // self.areas % self.modes
        name = MODES[mode % len(MODES)] + ("" if mode < len(MODES) else str(mode))
        return str(101 + user % self.areas), name, f"player-{user:08}"


@dataclass(frozen=True)
class Measured:
    size: Size
    posts: Sample
    reads: Sample
    bytes_a_session: float
    used_memory: int


def measure(scratch: Scratch, folder: Path, size: Size, seconds: float) -> Measured:
    """Fills an empty Redis with sessions, then posts to random ones of them and reads random areas."""
    scratch.empty()
    before = scratch.redis.info("memory")["used_memory"]
    _fill(scratch, size)
    used = int(scratch.redis.info("memory")["used_memory"])
    scratch.rewrite()
    chance = random.Random(6)
    reads = [
        f"/stats?area_code={101 + chance.randrange(size.areas)}&limit=5".encode()
        for _ in range(min(9000, size.areas * 9))
    ]
    bodies = []
    for _ in range(2000):
        items = []
        for _ in range(BATCH):
            area, mode, user = size.session(chance.randrange(size.sessions))
            kind = chance.choice(("LOGIN", "LOGOUT"))
            items.append({"area_code": area, "multiplayer_mode": mode, "user_id": user, "events_name": kind})
        bodies.append(orjson.dumps(items))
    files = written(folder, "scale-reads", reads), written(folder, "scale-bodies", bodies)
    cost = {name: scratch.pids[name] for name in ("api", "redis")}
    url = scratch.url("api")
    read = costed(cost, lambda: wrk(url, 64, seconds, "GET", files[0]))
    # The fork of the rewrite leaves every page to fault once at its first write: that is its cost, not an event's.
    wrk(url, 8, 5 * seconds, "POST", "/events", files[1])
    posted = costed(cost, lambda: wrk(url, 8, seconds, "POST", "/events", files[1], units=BATCH))
    return Measured(size, posted, read, (used - before) / size.sessions, used)


def _fill(scratch: Scratch, size: Size) -> None:
    """Logs every session in; the log is cut meanwhile, as the archiver would."""
    scratch.redis.script_load(record_events.source)
    step = 100_000
    for first in range(0, size.sessions, step):
        calls = []
        for start in range(first, min(first + step, size.sessions), CALL):
            token = new_token()
            script_args: list[str] = []
            for user in range(start, min(start + CALL, size.sessions)):
                area, mode, name = size.session(user)
                script_args += (name, join_area_mode(area, mode), "LOGIN", "")
            call = RecordCall(token, LEASE_US, 60, token, 1)
            keys = call.keys(KEYS)
            calls.append(packed("EVALSHA", record_events.sha, len(keys), *keys, *call.args(scratch.epoch, script_args)))
        script_calls(scratch.redis_port, calls, CALL)
        scratch.redis.xtrim(KEYS.events, maxlen=0)
