"""What scripts/measure-fsync runs; prints a line a round and the medians."""

import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import redis

from tests.conftest import BINARIES
from tests.servers import Stack

SECONDS = 5
POST = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local n = 0
request = function()
  n = n + 1
  local body = string.format('{"area_code":%d,"multiplayer_mode":"duel","user_id":"u%d","events_name":"%s"}',
    100 + n % 50, n % 20000, n % 3 == 0 and "LOGOUT" or "LOGIN")
  return wrk.format(nil, "/events", nil, body)
end
"""


def read_latencies(url: str, stop: threading.Event, found: list[float]) -> None:
    with httpx.Client(base_url=url) as http:
        while not stop.wait(0.005):
            start = time.perf_counter()
            http.get("/stats?area_code=111").raise_for_status()
            found.append((time.perf_counter() - start) * 1000)


def one_round(stack: Stack, script: Path) -> tuple[float, float, float]:
    """(requests a second, p50 and p99 of GET /stats in ms)"""
    stop, found = threading.Event(), list[float]()
    reader = threading.Thread(target=read_latencies, args=(stack.url, stop, found))
    reader.start()
    command = ["wrk", "-t1", "-c64", f"-d{SECONDS}s", "-s", str(script), stack.url]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    stop.set()
    reader.join()
    assert "Non-2xx" not in printed, printed
    match = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    assert match
    cuts = statistics.quantiles(found, n=100)
    return float(match[1]), cuts[49], cuts[98]


def main(rounds: int) -> None:
    for name, binary in BINARIES.items():
        results: dict[str, list[tuple[float, float, float]]] = {"always": [], "everysec": []}
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "post.lua"
            script.write_text(POST)
            with (
                Stack(Path(folder) / "data", redis_server=str(binary)) as stack,
                redis.Redis.from_url(stack.run["redis_url"]) as client,
            ):
                for _ in range(rounds):
                    for setting, found in results.items():
                        client.config_set("appendfsync", setting)
                        found.append(one_round(stack, script))
        for setting, found in results.items():
            rate, p50, p99 = (statistics.median(values) for values in zip(*found, strict=True))
            rates = [value for value, *_ in found]
            spread = f"{min(rates):,.0f} to {max(rates):,.0f}"
            sys.stdout.write(
                f"{name} {setting}: {rate:,.0f} POST/s ({spread}), GET /stats p50 {p50:.2f} p99 {p99:.2f} ms\n"
            )
        ratio = statistics.median(a[0] / b[0] for a, b in zip(results["always"], results["everysec"], strict=True))
        sys.stdout.write(f"{name} always / everysec: {ratio:.2f}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
