"""Many listeners to one area on one worker, while events are posted: what Redis, memory and the others notice of it."""

import asyncio
import random
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import orjson
import uvloop

from bench.inputs import MODES
from bench.load import LoadFailed, Pace, cpu_seconds, kilobytes, read_answer
from bench.scratch import Scratch
from modepulse.launcher.redis_server import redis_binary

AREA = 101
AREAS = 5
USERS = 20_000
EVENTS_A_SECOND = 5000
BATCH = 100
SECONDS = 10.0
CONNECTED_AT_A_TIME = 100
FINAL_SECONDS = 5.0


@dataclass(frozen=True)
class Row:
    listeners: int
    redis_reads: float  # a second
    frames: float  # a second and listener
    posted: float  # events a second
    api_cpu: float  # share of a core
    idle_kilobytes: float  # of API memory, a listener: after connecting
    kilobytes: float  # the same after ten seconds of changes
    read_p50: float  # ms, of GET /stats beside them
    read_p99: float
    final: int  # listeners that had the final state
    final_milliseconds: float  # from the last answer to a POST until all had it


class Stream(asyncio.Protocol):
    """A listener that looks at its newest frame only."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._tail = b""
        self.frames = 0
        self.newest = b""
        self.first: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        data = self._tail + data
        complete, _, self._tail = data.rpartition(b"\n\n")
        begin = complete.rfind(b"data: ")
        if begin >= 0:
            self.frames += complete.count(b"data: ")
            self.newest = complete[begin + 6 :].partition(b"\n")[0]
            if not self.first.done():
                self.first.set_result(None)


async def _listen(port: int, listeners: int) -> tuple[list[Stream], list[asyncio.Transport]]:
    request = b"GET /stats/stream?area_code=%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % AREA
    loop = asyncio.get_running_loop()
    streams, transports = [], []
    for start in range(0, listeners, CONNECTED_AT_A_TIME):
        some = range(start, min(start + CONNECTED_AT_A_TIME, listeners))
        made = await asyncio.gather(*(loop.create_connection(lambda: Stream(request), "127.0.0.1", port) for _ in some))
        await asyncio.gather(*(stream.first for _, stream in made))
        streams += [stream for _, stream in made]
        transports += [transport for transport, _ in made]
    return streams, transports


async def _measure(scratch: Scratch, listeners: int) -> Row:
    port, api = scratch.ports["api"], scratch.pids["api"]
    before = kilobytes(api, "VmRSS")
    streams, transports = await _listen(port, listeners)
    idle = kilobytes(api, "VmRSS")
    chance = random.Random(listeners)
    requests = [_request(chance) for _ in range(500)]
    latencies = []
    pace = Pace(port, requests, EVENTS_A_SECOND / BATCH)
    with pace.running():
        await asyncio.sleep(1)
        reads, frames, answered = _reads(scratch), sum(stream.frames for stream in streams), pace.answered
        cpu, start = cpu_seconds(api), time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < start + SECONDS:
            sent = time.perf_counter()
            writer.write(b"GET /stats?area_code=%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % AREA)
            await read_answer(reader)
            latencies.append(time.perf_counter() - sent)
            await asyncio.sleep(0.02)
        taken = time.perf_counter() - start
        writer.close()
        reads = _reads(scratch) - reads - len(latencies)
        frames = sum(stream.frames for stream in streams) - frames
        answered = pace.answered - answered
        cpu = cpu_seconds(api) - cpu
    ended = time.perf_counter()
    after = kilobytes(api, "VmRSS")
    async with httpx.AsyncClient() as client:
        final = (await client.get(f"{scratch.url('api')}/stats?area_code={AREA}")).content
    while not all(stream.newest == final for stream in streams) and time.perf_counter() < ended + FINAL_SECONDS:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    final_seconds = time.perf_counter() - ended
    for transport in transports:
        transport.abort()
    latencies.sort()
    return Row(
        listeners,
        reads / taken,
        frames / taken / listeners,
        answered * BATCH / taken,
        cpu / taken,
        (idle - before) / listeners,
        (after - before) / listeners,
        latencies[len(latencies) // 2] * 1000,
        latencies[len(latencies) * 99 // 100] * 1000,
        sum(stream.newest == final for stream in streams),
        final_seconds * 1000,
    )


def _request(chance: random.Random) -> bytes:
    items = []
    for user in chance.sample(range(USERS), BATCH):
        kind = chance.choice(("LOGIN", "LOGOUT"))
        mode = MODES[user // AREAS % len(MODES)]
        items.append(
            {"area_code": AREA + user % AREAS, "multiplayer_mode": mode, "user_id": f"u{user}", "events_name": kind}
        )
    return orjson.dumps(items)


def _reads(scratch: Scratch) -> int:
    commands: dict[str, Any] = scratch.redis.info("commandstats")
    calls: int = commands.get("cmdstat_zrevrange", {}).get("calls", 0)
    return calls


def main(listeners: int) -> None:
    rows = []
    for count in (1, listeners, 1, listeners):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            scratch = Scratch(redis_binary("redis-server"), folder, stack)
            scratch.empty()
            scratch.start_api()
            # The first requests bring memory of their own.
            with Pace(scratch.ports["api"], [_request(random.Random(1))], 100).running():
                time.sleep(2)
            row = uvloop.run(_measure(scratch, count))
            if row.final != count:
                raise LoadFailed(f"only {row.final} of {count} listeners had the final state")
            rows.append(row)
    print(
        "| listeners | Redis reads/s | frames/s each | events/s | API CPU | kB each, quiet | kB each |"
        " GET /stats p50, p99 ms | final state |"
    )
    print("| --: | --: | --: | --: | --: | --: | --: | --: | --: |")
    for row in rows:
        print(
            f"| {row.listeners} | {row.redis_reads:.1f} | {row.frames:.1f} | {row.posted:.0f} | {row.api_cpu:.2f} |"
            f" {row.idle_kilobytes:.1f} | {row.kilobytes:.1f} | {row.read_p50:.2f}, {row.read_p99:.2f} |"
            f" {row.final} after {row.final_milliseconds:.0f} ms |"
        )
