"""`scripts/bench --listeners`: many listeners to one area on one worker, while events are posted.

Measures their cost in reads of Redis, CPU and memory, and the latency of GET /stats beside them.
"""

import asyncio
import random
import time
from dataclasses import dataclass
from typing import NamedTuple

import httpx2
import orjson
import uvloop

from bench.constant_rate_load import ConstantRateLoad, read_response
from bench.inputs import MODES
from bench.load import LoadFailed, percentile
from bench.process_stats import cpu_seconds, resident_kilobytes
from bench.scratch_servers import ScratchServers, scratch_servers
from bench.stream_listener import StreamListener, connect_listeners

AREA = 101
AREAS = 5
USERS = 20_000
EVENTS_PER_SECOND = 5000
BATCH = 100  # events a request
SECONDS = 10.0
WARM_UP_SECONDS = 1.0
READ_PAUSE_SECONDS = 0.02
FINAL_SECONDS = 5.0

HEAD = (
    "| listeners | Redis reads/s | frames/s each | events/s | API CPU | kB each, quiet | kB each |"
    " GET /stats p50, p99 ms | final state |\n| --: | --: | --: | --: | --: | --: | --: | --: | --: |"
)


@dataclass(frozen=True)
class ListenersResult:
    """What a number of listeners to AREA cost; memory is the API's, in kB a listener."""

    listeners: int
    redis_reads: float  # a second, without those of GET /stats
    frames: float  # a second and listener
    posted: float  # events a second
    api_cpu: float  # share of a core
    quiet_kilobytes: float  # when all are connected
    kilobytes: float  # after SECONDS of changes
    read_p50: float  # ms, of GET /stats beside them
    read_p99: float  # ms
    final: int  # listeners that had the final state
    final_milliseconds: float  # from the last response to a POST until all had it

    def line(self) -> str:
        """The row under HEAD."""
        return (
            f"| {self.listeners} | {self.redis_reads:.1f} | {self.frames:.1f} | {self.posted:.0f} |"
            f" {self.api_cpu:.2f} | {self.quiet_kilobytes:.1f} | {self.kilobytes:.1f} |"
            f" {self.read_p50:.2f}, {self.read_p99:.2f} | {self.final} after {self.final_milliseconds:.0f} ms |"
        )


class _Totals(NamedTuple):
    """Everything that is counted since the servers' start, at one moment."""

    seconds: float
    redis_reads: int
    frames: int
    answered: int
    cpu_seconds: float


def measure_listeners(listeners: int) -> None:
    """Prints a table: one listener and `listeners`, in turn, twice. Raises LoadFailed when one misses the end."""
    results = []
    for count in (1, listeners, 1, listeners):
        with scratch_servers() as servers:
            servers.start_api()
            # The first requests allocate memory that no listener is to blame for.
            with ConstantRateLoad(servers.ports["api"], [_event_body(random.Random(1))], 100).running():
                time.sleep(2)
            result = uvloop.run(_measure(servers, count))
        if result.final != count:
            raise LoadFailed(f"only {result.final} of {count} listeners had the final state")
        results.append(result)
    print("\n".join([HEAD, *(result.line() for result in results)]))


async def _measure(servers: ScratchServers, count: int) -> ListenersResult:
    port, api = servers.ports["api"], servers.pids["api"]
    unused = resident_kilobytes(api)
    listeners = await connect_listeners(port, AREA, count)
    quiet = resident_kilobytes(api)
    rng = random.Random(count)
    load = ConstantRateLoad(port, [_event_body(rng) for _ in range(500)], EVENTS_PER_SECOND / BATCH)
    with load.running():
        await asyncio.sleep(WARM_UP_SECONDS)
        before = _totals(servers, listeners, load)
        latencies = await _read_stats(port)
        after = _totals(servers, listeners, load)
    ended = time.perf_counter()
    changed = resident_kilobytes(api)
    final = await _await_final_state(servers, listeners, ended)
    final_seconds = time.perf_counter() - ended
    for listener in listeners:
        listener.abort()
    seconds = after.seconds - before.seconds
    return ListenersResult(
        listeners=count,
        redis_reads=(after.redis_reads - before.redis_reads - len(latencies)) / seconds,
        frames=(after.frames - before.frames) / seconds / count,
        posted=(after.answered - before.answered) * BATCH / seconds,
        api_cpu=(after.cpu_seconds - before.cpu_seconds) / seconds,
        quiet_kilobytes=(quiet - unused) / count,
        kilobytes=(changed - unused) / count,
        read_p50=percentile(latencies, 50) * 1000,
        read_p99=percentile(latencies, 99) * 1000,
        final=final,
        final_milliseconds=final_seconds * 1000,
    )


def _totals(servers: ScratchServers, listeners: list[StreamListener], load: ConstantRateLoad) -> _Totals:
    return _Totals(
        time.perf_counter(),
        servers.redis.info("commandstats").get("cmdstat_zrevrange", {}).get("calls", 0),
        sum(listener.frames for listener in listeners),
        load.answered,
        cpu_seconds(servers.pids["api"]),
    )


async def _read_stats(port: int) -> list[float]:
    """Seconds that each GET /stats took, one after the other for SECONDS."""
    latencies = []
    start = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < start + SECONDS:
        sent = time.perf_counter()
        writer.write(b"GET /stats?area_code=%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % AREA)
        await read_response(reader)
        latencies.append(time.perf_counter() - sent)
        await asyncio.sleep(READ_PAUSE_SECONDS)
    writer.close()
    return latencies


async def _await_final_state(servers: ScratchServers, listeners: list[StreamListener], ended: float) -> int:
    """How many have the state that GET /stats returns, once all have it or FINAL_SECONDS have passed."""
    async with httpx2.AsyncClient() as client:
        final = (await client.get(f"{servers.url('api')}/stats?area_code={AREA}")).content
    while True:
        up_to_date = sum(listener.newest == final for listener in listeners)
        if up_to_date == len(listeners) or time.perf_counter() >= ended + FINAL_SECONDS:
            return up_to_date
        await asyncio.sleep(0.005)


def _event_body(rng: random.Random) -> bytes:
    """A body of POST /events: LOGIN or LOGOUT of BATCH random users of AREAS areas."""
    items = []
    for user in rng.sample(range(USERS), BATCH):
        events_name = rng.choice(("LOGIN", "LOGOUT"))
        mode = MODES[user // AREAS % len(MODES)]
        items.append(
            {
                "area_code": AREA + user % AREAS,
                "multiplayer_mode": mode,
                "user_id": f"u{user}",
                "events_name": events_name,
            }
        )
    return orjson.dumps(items)
