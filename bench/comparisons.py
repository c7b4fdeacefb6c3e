"""The comparisons: which loads run against which servers.

The sides of a comparison run in turn (A B A B), so that changes of the machine's speed affect all of them.
"""

import random
from collections.abc import Callable
from pathlib import Path

import httpx2

from app.contract.calls import RecordCall
from app.contract.event import validate_events
from app.contract.token import new_token
from app.live.multiplexer import packed
from bench.constant_rate_load import ConstantRateLoad
from bench.inputs import AREAS, MODES, USERS, event_bodies, login_body, random_events, write_lines
from bench.load import LoadResult, Sample, measure_cpu, redis_benchmark, script_calls, wrk
from bench.scratch_servers import KEYS, ScratchServers
from lua import record_events

BATCH = 500  # events a request
CALL = 100  # events a script call
LOAD_EVENTS = 20_000  # a second, beside the reads

MINIMAL = Path(__file__).with_name("minimal.lua").read_text()


class Comparisons:
    """The sides of all comparisons on one set of servers, all started; `seconds` a run.

    `key_header`: of a key of the guarded API.
    """

    def __init__(self, servers: ScratchServers, seconds: float, key_header: str) -> None:
        self._servers = servers
        self._key_header = key_header
        self._seconds = seconds
        self._minimal = servers.redis.script_load(MINIMAL)
        self._batches = event_bodies(200, BATCH, seed=1)
        self._files = {
            name: write_lines(servers.folder, name, lines)
            for name, lines in {
                "batches": self._batches,
                "events": event_bodies(20_000, 1, seed=2),
                "stats": _read_paths("/stats?area_code={area}"),
                "zrevrange": _read_paths("/ZREVRANGE/" + KEYS.area("{area}") + "/0/-1/WITHSCORES"),
                "evalsha": _evalsha_paths(self._minimal),
                "root": [b"/"],
            }.items()
        }
        self.sides: dict[str, dict[str, Callable[[], Sample]]] = {
            "batches": {"modepulse": self._post_batches, "minimal script": self._minimal_script},
            "single events": {
                "modepulse": self._post_events,
                "with a key": self._post_events_with_a_key,
                "hello": self._hello,
                "webdis": self._webdis_evalsha,
            },
            "reads": {
                "modepulse": self._stats,
                "with a key": self._stats_with_a_key,
                "hello": self._hello,
                "webdis": self._webdis_zrevrange,
            },
            "one reader": {
                "modepulse": lambda: self._stats(1),
                "webdis": lambda: self._webdis_zrevrange(1),
                "under load": self._stats_under_load,
            },
            "script": {"modepulse": self._script_calls, "minimal script": self._minimal_script},
        }

    def _post_batches(self) -> Sample:
        self._servers.empty()
        return self._measure("api", lambda: self._post("batches", 8, units=BATCH))

    def _post_events(self) -> Sample:
        self._servers.empty()
        return self._measure("api", lambda: self._post("events", 64))

    def _post_events_with_a_key(self) -> Sample:
        self._servers.empty()
        return self._measure_guarded("POST", "/events", self._files["events"])

    def _stats_with_a_key(self) -> Sample:
        self._fill("guarded", self._key_header)
        return self._measure_guarded("GET", self._files["stats"])

    def _measure_guarded(self, *arguments: str) -> Sample:
        url, pids = self._servers.url("guarded"), self._servers.pids
        return measure_cpu(
            {"redis": pids["redis"], "api": pids["guarded"]},
            lambda: wrk(url, 64, self._seconds, *arguments, headers=[self._key_header]),
        )

    def _minimal_script(self) -> Sample:
        self._servers.empty()
        command = (
            "EVALSHA", self._minimal, "3", "user:__rand_int__", "area:__rand_int__", "events", "duel", "__rand_int__",
        )  # fmt: skip
        events = int(self._seconds * 80_000)
        return self._measure(None, lambda: redis_benchmark(self._servers.ports["redis"], events, *command))

    def _hello(self) -> Sample:
        return measure_cpu({"api": self._servers.pids["hello"]}, lambda: self._get("hello", "root", 64))

    def _webdis_evalsha(self) -> Sample:
        self._servers.empty()
        return self._measure("webdis", lambda: self._get("webdis", "evalsha", 64))

    def _stats(self, connections: int = 64) -> Sample:
        self._fill()
        return self._measure("api", lambda: self._get("api", "stats", connections))

    def _stats_under_load(self) -> Sample:
        self._fill()
        load = ConstantRateLoad(self._servers.ports["api"], self._batches, LOAD_EVENTS / BATCH)
        with load.running():
            return self._measure("api", lambda: self._get("api", "stats", 1))

    def _webdis_zrevrange(self, connections: int = 64) -> Sample:
        self._fill()
        return self._measure("webdis", lambda: self._get("webdis", "zrevrange", connections))

    def _script_calls(self) -> Sample:
        self._servers.empty()
        calls = []
        for n in range(int(self._seconds * 800)):
            script_args = validate_events(random_events(CALL, n), 0, []).script_args
            token = new_token()
            call = RecordCall(token, 900_000_000, 60, token, 60)
            keys, args = call.keys(KEYS), call.args(self._servers.epoch, script_args)
            calls.append(packed("EVALSHA", record_events.sha, len(keys), *keys, *args))
        self._servers.redis.script_load(record_events.source)
        return self._measure(None, lambda: script_calls(self._servers.ports["redis"], calls, CALL))

    def _fill(self, server: str = "api", *headers: str) -> None:
        """Logs players in to all modes of every area."""
        self._servers.empty()
        with httpx2.Client(base_url=self._servers.url(server), headers=dict(h.split(": ") for h in headers)) as http:
            for first in range(0, AREAS * len(MODES) * 3, BATCH):
                http.post("/events", content=login_body(first, BATCH)).raise_for_status()

    def _measure(self, server: str | None, run: Callable[[], LoadResult]) -> Sample:
        """The load's sample, with the CPU of Redis and of the server in front of Redis, if any."""
        names = ("redis", server) if server else ("redis",)
        return measure_cpu({name: self._servers.pids[name] for name in names}, run)

    def _get(self, server: str, file: str, connections: int) -> LoadResult:
        return wrk(self._servers.url(server), connections, self._seconds, "GET", self._files[file])

    def _post(self, file: str, connections: int, units: int = 1) -> LoadResult:
        arguments = ("POST", "/events", self._files[file])
        return wrk(self._servers.url("api"), connections, self._seconds, *arguments, units=units)


def _read_paths(pattern: str) -> list[bytes]:
    """Paths with a random area each in the place of {area}."""
    rng = random.Random(3)
    return [pattern.replace("{area}", str(101 + rng.randrange(AREAS))).encode() for _ in range(9000)]


def _evalsha_paths(sha: str) -> list[bytes]:
    """Paths with which webdis calls the minimal script for random users."""
    rng = random.Random(2)
    path = "/EVALSHA/{}/3/user:{:012}/area:111/events/duel/{:012}"
    return [path.format(sha, rng.randrange(USERS), rng.randrange(USERS)).encode() for _ in range(20_000)]
