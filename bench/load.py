"""What puts load on a server, and what it cost: wrk, redis-benchmark, script calls, a client with a fixed pace."""

import asyncio
import json
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import hiredis

TICKS = os.sysconf("SC_CLK_TCK")
WRK_SCRIPT = Path(__file__).with_name("wrk.lua")


class LoadFailed(Exception):
    """A server refused or broke what it was sent; no figure of that run counts."""


@dataclass(frozen=True)
class Sample:
    """One run. A unit is a request or, where requests carry many, an event."""

    rate: float  # units a second
    cpu: Mapping[str, float] = field(default_factory=dict)  # microseconds of CPU a unit, by process
    p50: float = 0.0  # ms
    p99: float = 0.0


def cpu_seconds(pid: int) -> float:
    """CPU that a process has used so far, user and system, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def kilobytes(pid: int, figure: str) -> int:
    """Of a process's memory: VmRSS now, VmHWM at most so far."""
    return int(Path(f"/proc/{pid}/status").read_text().partition(f"{figure}:")[2].split()[0])


async def read_answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """(head, body) of an HTTP answer that says its length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    assert length
    return head, await reader.readexactly(int(length[1]))


def costed(processes: Mapping[str, int], run: Callable[[], tuple[int, float, float, float]]) -> Sample:
    """`run` returns (units, seconds, p50 ms, p99 ms)."""
    before = {name: cpu_seconds(pid) for name, pid in processes.items()}
    units, seconds, p50, p99 = run()
    cpu = {name: (cpu_seconds(pid) - before[name]) * 1e6 / units for name, pid in processes.items()}
    return Sample(units / seconds, cpu, p50, p99)


def wrk(url: str, connections: int, seconds: float, *arguments: str, units: int = 1) -> tuple[int, float, float, float]:
    """`units` a request. Arguments as bench/wrk.lua takes them."""
    command = [
        "wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "10s",
        "-s", str(WRK_SCRIPT), url, "--", *arguments,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise LoadFailed(f"wrk: {done.stdout}{done.stderr}")
    told = json.loads(lines[-1])
    if told["errors"] or not told["requests"]:
        raise LoadFailed(f"wrk: {told} {url} {arguments}")
    return told["requests"] * units, told["microseconds"] / 1e6, told["p50"] / 1000, told["p99"] / 1000


def redis_benchmark(port: int, events: int, *command: str) -> tuple[int, float, float, float]:
    """Pipelines of 16 over 50 connections, the tool's usual number."""
    arguments = ["redis-benchmark", "-p", str(port), "-P", "16", "-n", str(events), "-r", "50000", "--csv"]
    done = subprocess.run([*arguments, *command], capture_output=True, text=True, check=False)
    rows = re.findall(r'"[^"]*"', done.stdout.splitlines()[-1] if done.stdout else "")
    if done.returncode or len(rows) < 7 or "rror" in done.stdout:
        raise LoadFailed(f"redis-benchmark: {done.stdout}{done.stderr}")
    rate, p50, p99 = (float(rows[n].strip('"')) for n in (1, 4, 6))
    return events, events / rate, p50, p99


def script_calls(port: int, calls: list[bytes], units: int) -> tuple[int, float, float, float]:
    """Sends each packed command once, over one connection, eight under way at a time; `units` events each."""
    reader = hiredis.Reader()
    latencies: list[float] = []
    sent_at: list[float] = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        start = time.perf_counter()
        while len(latencies) < len(calls):
            while len(sent_at) < min(len(calls), len(latencies) + 8):
                sent_at.append(time.perf_counter())
                connection.sendall(calls[len(sent_at) - 1])
            reader.feed(connection.recv(65536))
            while (reply := reader.gets()) is not False:
                if isinstance(reply, Exception):
                    raise LoadFailed(f"script call: {reply}")
                latencies.append(time.perf_counter() - sent_at[len(latencies)])
        taken = time.perf_counter() - start
    latencies.sort()
    middle, late = latencies[len(calls) // 2], latencies[len(calls) * 99 // 100]
    return len(calls) * units, taken, middle * 1000, late * 1000


class Pace:
    """Posts bodies at a fixed rate from a thread of its own; counts what was answered."""

    def __init__(self, port: int, bodies: list[bytes], requests_a_second: float, connections: int = 8) -> None:
        self._port = port
        self._requests = [
            b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
            for body in bodies
        ]
        self._interval = 1 / requests_a_second
        self._connections = connections
        self._stop = threading.Event()
        self.answered = 0
        self.error = ""

    @contextmanager
    def running(self) -> Iterator["Pace"]:
        """Raises LoadFailed at its end when an answer was not 200."""
        thread = threading.Thread(target=lambda: asyncio.run(self._post()))
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()
        if self.error:
            raise LoadFailed(self.error)

    async def _post(self) -> None:
        start = time.perf_counter()
        turn = iter(range(10**9))
        await asyncio.gather(*(self._connection(start, turn) for _ in range(self._connections)))

    async def _connection(self, start: float, turn: Iterator[int]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while not self._stop.is_set():
            n = next(turn)
            # A server that cannot keep up gets less; `answered` tells.
            await asyncio.sleep(max(0.0, start + n * self._interval - time.perf_counter()))
            writer.write(self._requests[n % len(self._requests)])
            head, body = await read_answer(reader)
            if not head.startswith(b"HTTP/1.1 200"):
                self.error = f"POST /events: {head!r} {body!r}"
                break
            self.answered += 1
        writer.close()
