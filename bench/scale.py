"""The same load on different amounts of state: sessions, areas, modes of an area."""

import random
from dataclasses import dataclass

import orjson

from app.contract.area_mode import join_area_mode
from app.contract.calls import RecordCall
from app.contract.token import new_token
from app.live.multiplexer import packed
from bench.inputs import MODES, write_lines
from bench.load import Sample, measure_cpu, script_calls, wrk
from bench.scratch_servers import KEYS, ScratchServers
from lua import record_events

CALL = 100  # events a script call
BATCH = 500  # events a request
LEASE_US = 10**15  # us: nothing expires here
LOGINS_A_STEP = 100_000


@dataclass(frozen=True)
class Size:
    """The state at the time of the measurement; `modes` of each area."""

    sessions: int
    areas: int
    modes: int = 10

    def session(self, user: int) -> tuple[str, str, str]:
        """(area_code, multiplayer_mode, user_id) of a user's only session."""
        mode = user // self.areas % self.modes
        name = MODES[mode % len(MODES)] + ("" if mode < len(MODES) else str(mode))
        return str(101 + user % self.areas), name, f"player-{user:08}"


@dataclass(frozen=True)
class ScaleResult:
    """What the load costs at a size: a unit of `posts` is an event, of `reads` a request; memory in bytes."""

    size: Size
    posts: Sample
    reads: Sample
    bytes_a_session: float
    used_memory: int


def measure_scale(servers: ScratchServers, size: Size, seconds: float) -> ScaleResult:
    """Fills an empty Redis with sessions, then reads random areas and posts to random sessions, `seconds` each."""
    before = servers.redis.info("memory")["used_memory"]
    log_in_all(servers, size)
    used = int(servers.redis.info("memory")["used_memory"])
    servers.rewrite()
    rng = random.Random(6)
    paths = write_lines(servers.folder, "scale-reads", _read_paths(size, rng))
    bodies = write_lines(servers.folder, "scale-bodies", _event_bodies(size, rng))
    pids = {name: servers.pids[name] for name in ("api", "redis")}
    url = servers.url("api")
    reads = measure_cpu(pids, lambda: wrk(url, 64, seconds, "GET", paths))
    # After the fork of the rewrite the first write to each page faults: a cost of the rewrite, not of an event.
    wrk(url, 8, 5 * seconds, "POST", "/events", bodies)
    posts = measure_cpu(pids, lambda: wrk(url, 8, seconds, "POST", "/events", bodies, units=BATCH))
    return ScaleResult(size, posts, reads, (used - before) / size.sessions, used)


def log_in_all(servers: ScratchServers, size: Size, trim: bool = True) -> None:
    """Logs every session in; `trim`: and cuts the log meanwhile, as the archiver would."""
    servers.redis.script_load(record_events.source)
    for first in range(0, size.sessions, LOGINS_A_STEP):
        last = min(first + LOGINS_A_STEP, size.sessions)
        calls = [
            _login_call(servers.epoch, size, range(start, min(start + CALL, last)))
            for start in range(first, last, CALL)
        ]
        script_calls(servers.ports["redis"], calls, CALL)
        if trim:
            servers.redis.xtrim(KEYS.events, maxlen=0)


def _login_call(epoch: str, size: Size, users: range) -> bytes:
    """The packed command that logs these users in."""
    script_args: list[str] = []
    for user in users:
        area, mode, user_id = size.session(user)
        script_args += (user_id, join_area_mode(area, mode), "LOGIN", "")
    token = new_token()
    call = RecordCall(token, LEASE_US, 60, token, 1)
    keys = call.keys(KEYS)
    return packed("EVALSHA", record_events.sha, len(keys), *keys, *call.args(epoch, script_args))


def _read_paths(size: Size, rng: random.Random) -> list[bytes]:
    return [
        f"/stats?area_code={101 + rng.randrange(size.areas)}&limit=5".encode() for _ in range(min(9000, size.areas * 9))
    ]


def _event_bodies(size: Size, rng: random.Random) -> list[bytes]:
    bodies = []
    for _ in range(2000):
        items = []
        for _ in range(BATCH):
            area, mode, user = size.session(rng.randrange(size.sessions))
            kind = rng.choice(("LOGIN", "LOGOUT"))
            items.append({"area_code": area, "multiplayer_mode": mode, "user_id": user, "events_name": kind})
        bodies.append(orjson.dumps(items))
    return bodies
