"""`scripts/bench --names`: a client that makes up names, beside readers of areas that have nothing to do with it.

Measures how far Redis grows, and the latency of GET /stats and GET /areas beside it: idle, beside as many events of
names that are known, beside random ones. Then GET /areas where 100,000 areas have players.
"""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
import uvloop

from bench.constant_rate_load import ConstantRateLoad, read_response
from bench.inputs import AREAS, MODES, login_body
from bench.load import percentile
from bench.scale import Size, log_in_all
from bench.scratch_servers import KEYS, ScratchServers, scratch_servers

BATCH = 100  # events a request
EVENTS_PER_SECOND = 5000
QUIET_SECONDS = 20.0
READ_PAUSE_SECONDS = 0.005
AREAS_EVERY = 20  # reads
MANY_AREAS = 100_000
OVERVIEWS = 20
OVERVIEW_PAUSE_SECONDS = 1.1  # longer than one is shared

Item = dict[str, Any]


class Latencies(NamedTuple):
    """Seconds that each request took."""

    stats: list[float]
    areas: list[float]

    def line(self, name: str) -> str:
        """A row: p50 and p99 in milliseconds."""
        cells = [f"{percentile(some, share) * 1000:.2f}" for some in self for share in (50, 99)]
        return f"| {name} | {' | '.join(cells)} |"


@dataclass(frozen=True)
class State:
    """What Redis holds."""

    bytes: int
    keys: int
    areas: int
    modes: int

    def line(self, name: str) -> str:
        """A row."""
        return f"| {name} | {self.bytes / 1e6:.1f} | {self.keys:,} | {self.areas:,} | {self.modes:,} |"


def random_area(rng: random.Random) -> Item:
    """A user of a made-up area."""
    return _login(rng, area_code=f"area-{rng.getrandbits(64):x}")


def random_mode(rng: random.Random) -> Item:
    """A user of a made-up mode, in a known area."""
    return _login(rng, multiplayer_mode=f"mode-{rng.getrandbits(64):x}")


def random_session(rng: random.Random) -> Item:
    """One more session of the same user: in known areas and modes."""
    return _login(rng, user_id="everywhere", area_code=101 + rng.randrange(AREAS))


def random_user(rng: random.Random) -> Item:
    """A made-up user of a known area and mode: nothing that a limit on names could refuse."""
    return _login(rng)


def _login(rng: random.Random, **more: Any) -> Item:
    known = {"area_code": 101 + AREAS - 1, "multiplayer_mode": rng.choice(MODES), "events_name": "LOGIN"}
    return {**known, "user_id": f"user-{rng.getrandbits(64):x}", **more}


KINDS = (random_area, random_mode, random_session, random_user)


def random_bodies(make: Callable[[random.Random], Item], events: int, seed: int) -> list[bytes]:
    """Bodies of POST /events with BATCH events each."""
    rng = random.Random(seed)
    return [orjson.dumps([make(rng) for _ in range(BATCH)]) for _ in range(events // BATCH)]


def state(servers: ScratchServers) -> State:
    """Counted now."""
    return State(
        bytes=servers.redis.info("memory")["used_memory"],
        keys=servers.redis.dbsize(),
        areas=servers.redis.scard(KEYS.areas),
        modes=servers.redis.zcard(KEYS.mode_players),
    )


def measure_names(names: int) -> None:
    """Prints tables; `names` are made up in all, a quarter of each kind."""
    with scratch_servers() as servers:
        servers.start_api()
        uvloop.run(_measure(servers, names))
    with scratch_servers() as servers:
        log_in_all(servers, Size(2 * MANY_AREAS, MANY_AREAS, 2), trim=False)
        servers.start_api()
        uvloop.run(_measure_overview(servers))


async def _measure(servers: ScratchServers, names: int) -> None:
    port = servers.ports["api"]
    known = [login_body(first, BATCH) for first in range(0, AREAS * len(MODES), BATCH)]
    with _load(port, known).running():
        await asyncio.sleep(2 * len(known) * BATCH / EVENTS_PER_SECOND)
    latencies = {"idle": await _read(port, QUIET_SECONDS)}
    latencies["known names"] = await _read(port, QUIET_SECONDS, _load(port, known).running())
    states = {"before": state(servers)}
    seconds = names / len(KINDS) / EVENTS_PER_SECOND
    for n, kind in enumerate(KINDS):
        load = _load(port, random_bodies(kind, names // len(KINDS), n), (b"200", b"422"))
        latencies[kind.__name__] = await _read(port, seconds, load.running())
        states[kind.__name__] = state(servers)
    print("| beside | GET /stats p50 ms | p99 | GET /areas p50 | p99 |\n| --- | --: | --: | --: | --: |")
    print("\n".join(some.line(name) for name, some in latencies.items()))
    print(f"\n| {names // len(KINDS):,} of each | Redis, MB | keys | areas | modes |\n| --- | --: | --: | --: | --: |")
    print("\n".join(one.line(name) for name, one in states.items()))


def _load(port: int, bodies: list[bytes], statuses: tuple[bytes, ...] = (b"200",)) -> ConstantRateLoad:
    return ConstantRateLoad(port, bodies, EVENTS_PER_SECOND / BATCH, statuses=statuses)


async def _read(port: int, seconds: float, load: AbstractContextManager[Any] | None = None) -> Latencies:
    """Reads known areas one after the other, and now and then the list of all."""
    latencies = Latencies([], [])
    rng = random.Random(1)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with load or nullcontext():
        end = time.perf_counter() + seconds
        for n in range(10**9):
            if time.perf_counter() >= end:
                break
            areas = n % AREAS_EVERY == 0
            path = b"/areas" if areas else b"/stats?area_code=%d" % (101 + rng.randrange(AREAS - 1))
            (latencies.areas if areas else latencies.stats).append(await _get(reader, writer, path))
            await asyncio.sleep(READ_PAUSE_SECONDS)
    writer.close()
    return latencies


async def _get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: bytes) -> float:
    """Seconds."""
    sent = time.perf_counter()
    writer.write(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path)
    await read_response(reader)
    return time.perf_counter() - sent


async def _measure_overview(servers: ScratchServers) -> None:
    """GET /areas where MANY_AREAS areas have players, each time read anew."""
    reader, writer = await asyncio.open_connection("127.0.0.1", servers.ports["api"])
    # The first ones count what happened while nobody asked.
    while int(servers.redis.hget(KEYS.totals, "players") or 0) < 2 * MANY_AREAS:
        await _get(reader, writer, b"/areas")
        await asyncio.sleep(OVERVIEW_PAUSE_SECONDS)
    for path in (b"/areas", b"/areas?offset=50000", b"/areas?limit=5000", b"/modes"):
        seconds = []
        for _ in range(OVERVIEWS):
            await asyncio.sleep(OVERVIEW_PAUSE_SECONDS)
            seconds.append(await _get(reader, writer, path))
        print(f"GET {path.decode()}: p50 {percentile(seconds, 50) * 1000:.1f}, most {max(seconds) * 1000:.1f} ms")
    writer.close()
