"""Load generators without a fixed rate (wrk, redis-benchmark, script calls), and the CPU that their load costs."""

import json
import re
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import hiredis

from bench.process_stats import cpu_seconds

WRK_SCRIPT = Path(__file__).with_name("wrk.lua")
SCRIPT_CALLS_IN_FLIGHT = 8


class LoadFailed(Exception):
    """A server refused a request or broke the connection; no figure of that run counts."""


class LoadResult(NamedTuple):
    """What a load generator did. A unit is a request or, where requests carry many events, an event."""

    units: int
    seconds: float
    p50: float  # ms a request
    p99: float  # ms a request


@dataclass(frozen=True)
class Sample:
    """The figures of one run. A unit is a request or, where requests carry many events, an event."""

    rate: float  # units a second
    cpu: Mapping[str, float] = field(default_factory=dict)  # microseconds of CPU a unit, by process
    p50: float = 0.0  # ms a request; 0 when not measured
    p99: float = 0.0  # ms a request; 0 when not measured


def measure_cpu(pids: Mapping[str, int], run: Callable[[], LoadResult]) -> Sample:
    """Runs the load once; the sample has the CPU that each named process used meanwhile."""
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    result = run()
    cpu = {name: (cpu_seconds(pid) - before[name]) * 1e6 / result.units for name, pid in pids.items()}
    return Sample(result.units / result.seconds, cpu, result.p50, result.p99)


def wrk(
    url: str, connections: int, seconds: float, *arguments: str, units: int = 1, headers: Sequence[str] = ()
) -> LoadResult:
    """Runs wrk with one thread; `units` a request, `arguments` as bench/wrk.lua takes them. Raises LoadFailed."""
    command = [
        "wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "10s",
        *(f"-H{header}" for header in headers), "-s", str(WRK_SCRIPT), url, "--", *arguments,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise LoadFailed(f"wrk: {done.stdout}{done.stderr}")
    summary = json.loads(lines[-1])
    if summary["errors"] or not summary["requests"]:
        raise LoadFailed(f"wrk: {summary} {url} {arguments}")
    return LoadResult(
        summary["requests"] * units, summary["microseconds"] / 1e6, summary["p50"] / 1000, summary["p99"] / 1000
    )


def redis_benchmark(port: int, events: int, *command: str) -> LoadResult:
    """Runs a command `events` times in pipelines of 16 over 50 connections (the tool's default). Raises LoadFailed."""
    arguments = ["redis-benchmark", "-p", str(port), "-P", "16", "-n", str(events), "-r", "50000", "--csv"]
    done = subprocess.run([*arguments, *command], capture_output=True, text=True, check=False)
    columns = re.findall(r'"[^"]*"', done.stdout.splitlines()[-1] if done.stdout else "")
    if done.returncode or len(columns) < 7 or "rror" in done.stdout:
        raise LoadFailed(f"redis-benchmark: {done.stdout}{done.stderr}")
    rate, p50, p99 = (float(columns[n].strip('"')) for n in (1, 4, 6))
    return LoadResult(events, events / rate, p50, p99)


def script_calls(port: int, calls: list[bytes], units: int) -> LoadResult:
    """Sends each packed command once over one connection, eight in flight; `units` a call. Raises LoadFailed."""
    reader = hiredis.Reader()
    latencies: list[float] = []
    sent_at: list[float] = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        start = time.perf_counter()
        while len(latencies) < len(calls):
            while len(sent_at) < min(len(calls), len(latencies) + SCRIPT_CALLS_IN_FLIGHT):
                sent_at.append(time.perf_counter())
                connection.sendall(calls[len(sent_at) - 1])
            reader.feed(connection.recv(65536))
            while (reply := reader.gets()) is not False:
                if isinstance(reply, Exception):
                    raise LoadFailed(f"script call: {reply}")
                latencies.append(time.perf_counter() - sent_at[len(latencies)])
        seconds = time.perf_counter() - start
    return LoadResult(len(calls) * units, seconds, percentile(latencies, 50) * 1000, percentile(latencies, 99) * 1000)


def percentile(values: list[float], percent: int) -> float:
    """The value that `percent` in a hundred of them do not exceed; `values` in any order, not empty."""
    return sorted(values)[len(values) * percent // 100]
