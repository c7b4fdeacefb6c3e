"""`scripts/bench --hostile`: what others notice of connections that hold on, of bad requests, and of hostile gzip."""

import asyncio
import gzip
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import uvloop

from app.settings import Settings
from bench.attackers import BAD_REQUESTS_PER_SECOND, CONNECTIONS
from bench.constant_rate_load import read_response
from bench.load import LoadFailed, percentile
from bench.process_stats import cpu_seconds, forget_peak, peak_kilobytes, resident_kilobytes
from bench.scratch_servers import ScratchServers, scratch_servers

# Longer than a body may take to arrive: by then each connection has been closed.
ATTACK_SECONDS = 40.0
SETTLE_SECONDS = 3.0
READ_SECONDS = 15.0
READ_PAUSE_SECONDS = 0.005
REQUEST = b"GET /stats?area_code=101 HTTP/1.1\r\nHost: localhost\r\n\r\n"
GZIP_BYTES = 16 * 1024


class Latency(NamedTuple):
    """Of GET /stats, in ms, and the API's CPU meanwhile as a share of a core."""

    p50: float
    p99: float
    most: float
    api_cpu: float


class Work(NamedTuple):
    """What one body cost the API; `stall` is the longest GET /stats meanwhile, in ms."""

    kind: str
    sent: int  # bytes
    status: int
    cpu: float  # s
    megabytes: float  # above what was in use before
    stall: float


def measure_hostile() -> None:
    """Prints two tables: GET /stats beside an attack, idle and under it in turn; what hostile bodies cost."""
    with scratch_servers() as servers:
        servers.start_api()
        _post_players(servers)
        uvloop.run(_read(servers, 1.0))  # the first requests allocate
        print("| GET /stats beside | p50 ms | p99 ms | longest ms | API CPU |\n| --- | --: | --: | --: | --: |")
        for _ in range(2):
            idle = uvloop.run(_read(servers, READ_SECONDS))
            print(_line("nothing", idle))
            attacked, outcome = uvloop.run(_read_under_attack(servers))
            print(_line(f"{CONNECTIONS} connections, {BAD_REQUESTS_PER_SECOND} bad requests/s", attacked))
            print(f"\np99 {attacked.p99 / idle.p99:.1f} times idle; {outcome}\n")
        print("| body | bytes | status | CPU s | MB | longest GET /stats ms |\n| --- | --: | --: | --: | --: | --: |")
        for kind, body, content_type in _bodies():
            work = uvloop.run(_cost(servers, kind, body, content_type))
            print(
                f"| {work.kind} | {work.sent} | {work.status} | {work.cpu:.2f} | {work.megabytes:.0f} |"
                f" {work.stall:.1f} |"
            )


def _line(beside: str, latency: Latency) -> str:
    return f"| {beside} | {latency.p50:.2f} | {latency.p99:.2f} | {latency.most:.1f} | {latency.api_cpu:.2f} |"


async def _read(servers: ScratchServers, seconds: float) -> Latency:
    """Reads one after the other, as another client would. Raises LoadFailed when one is refused."""
    before, start = cpu_seconds(servers.pids["api"]), time.perf_counter()
    latencies = [latency async for latency in _latencies(servers, start + seconds)]
    cpu = (cpu_seconds(servers.pids["api"]) - before) / (time.perf_counter() - start)
    return Latency(percentile(latencies, 50) * 1000, percentile(latencies, 99) * 1000, max(latencies) * 1000, cpu)


async def _latencies(servers: ScratchServers, end: float) -> AsyncIterator[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", servers.ports["api"])
    while time.perf_counter() < end:
        sent = time.perf_counter()
        writer.write(REQUEST)
        head, _ = await read_response(reader)
        if not head.startswith(b"HTTP/1.1 200"):
            raise LoadFailed(f"GET /stats: {head!r}")
        yield time.perf_counter() - sent
        await asyncio.sleep(READ_PAUSE_SECONDS)
    writer.close()


async def _read_under_attack(servers: ScratchServers) -> tuple[Latency, str]:
    command = [sys.executable, "-m", "bench.attackers", str(servers.ports["api"]), str(ATTACK_SECONDS)]
    root = Path(__file__).parents[1]
    attackers = await asyncio.create_subprocess_exec(*command, cwd=root, stdout=subprocess.PIPE)
    await asyncio.sleep(SETTLE_SECONDS)
    latency = await _read(servers, READ_SECONDS)
    output, _ = await attackers.communicate()
    return latency, _outcome(json.loads(output))


def _outcome(found: dict[str, Any]) -> str:
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(found["statuses"].items()))
    last = f", the last after {max(found['first']):.0f} s" if found["first"] else ""
    return f"{len(found['first'])} of {CONNECTIONS} closed{last}; answers to bad requests: {statuses}"


def _post_players(servers: ScratchServers) -> None:
    """So that there is something to read."""
    items = [
        {"area_code": 101, "multiplayer_mode": f"mode{n % 5}", "user_id": f"u{n}", "events_name": "LOGIN"}
        for n in range(100)
    ]
    httpx2.post(f"{servers.url('api')}/events", json=items).raise_for_status()


def _bodies() -> Iterator[tuple[str, bytes, str]]:
    """(what it is, the compressed body, its content type): each about as large as may be once decompressed."""
    room = Settings().max_body_bytes - 100
    for kind, body, content_type in (
        ("list of {}", b"[" + _filled(b"{},", room) + b"{}]", "application/json"),
        ("items of {}", b'{"items":[' + _filled(b"{},", room) + b"{}]}", "application/json"),
        ("list of numbers", b"[" + _filled(b"1,", room) + b"1]", "application/json"),
        ("lists in lists", b"[" + _filled(b"[[[[[[[[]]]]]]]],", room) + b"[]]", "application/json"),
        ("one object of many fields", b"[{" + _filled(b'"a":1,', room) + b'"a":1}]', "application/json"),
        ("NDJSON of 1", _filled(b"1\n", room), "application/x-ndjson"),
        ("NDJSON of {}", _filled(b"{}\n", room), "application/x-ndjson"),
        ("NDJSON of empty lines", _filled(b"\n", room), "application/x-ndjson"),
        ("cut JSON", b"[" + _filled(b"{},", room) + b"{", "application/json"),
    ):
        yield kind, gzip.compress(body, 9), content_type
    member = gzip.compress(b"")
    yield "gzip members without content", member * (GZIP_BYTES // len(member)), "application/json"


def _filled(part: bytes, room: int) -> bytes:
    return part * (room // len(part))


async def _cost(servers: ScratchServers, kind: str, body: bytes, content_type: str) -> Work:
    pid = servers.pids["api"]
    forget_peak(pid)
    cpu, resident = cpu_seconds(pid), resident_kilobytes(pid)
    reading = asyncio.ensure_future(_read_until_cancelled(servers))
    headers = {"Content-Type": content_type, "Content-Encoding": "gzip"}
    async with httpx2.AsyncClient(timeout=120) as client:
        answer = await client.post(f"{servers.url('api')}/events", content=body, headers=headers)
    await asyncio.sleep(0.2)  # what the API clears away afterwards
    used = cpu_seconds(pid) - cpu
    reading.cancel()
    megabytes = (peak_kilobytes(pid) - resident) / 1024
    return Work(kind, len(body), answer.status_code, used, megabytes, await reading)


async def _read_until_cancelled(servers: ScratchServers) -> float:
    """The longest latency, in ms."""
    most = 0.0
    try:
        async for latency in _latencies(servers, float("inf")):
            most = max(most, latency)
    except asyncio.CancelledError:
        pass
    return most * 1000
