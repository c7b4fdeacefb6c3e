"""Who runs against whom. The sides of a contest run in turn (A B A B), so that the machine's moods hit them alike."""

import random
from collections.abc import Callable
from pathlib import Path

import httpx

from app.contract.calls import RecordCall
from app.contract.event import validate_events
from app.contract.token import new_token
from app.live.multiplexer import packed
from bench.inputs import AREAS, MODES, USERS, bodies, log_ins, random_events, written
from bench.load import Pace, Sample, costed, redis_benchmark, script_calls, wrk
from bench.scratch import KEYS, Scratch
from lua import record_events

Side = Callable[[], Sample]
BATCH = 500
CALL = 100
LOAD_EVENTS = 20_000  # a second, beside the reads

MINIMAL = Path(__file__).with_name("minimal.lua").read_text()


class Contests:
    """The sides of every contest on one set of scratch servers; `seconds` a run."""

    def __init__(self, scratch: Scratch, folder: Path, seconds: float) -> None:
        self._scratch = scratch
        self._seconds = seconds
        self._minimal = scratch.redis.script_load(MINIMAL)
        self._batches = bodies(200, BATCH, seed=1)
        self._files = {
            "batches": written(folder, "batches", self._batches),
            "events": written(folder, "events", bodies(20_000, 1, seed=2)),
            "stats": written(folder, "stats", self._read_paths("/stats?area_code={area}")),
            "zrevrange": written(
                folder, "zrevrange", self._read_paths("/ZREVRANGE/" + KEYS.area("{area}") + "/0/-1/WITHSCORES")
            ),
            "evalsha": written(folder, "evalsha", self._evalsha_paths()),
            "root": written(folder, "root", [b"/"]),
        }
        self.all: dict[str, dict[str, Side]] = {
            "batches": {"modepulse": self._post_batches, "minimal script": self._minimal_piped},
            "single events": {"modepulse": self._post_events, "hello": self._hello, "webdis": self._webdis_evalsha},
            "reads": {"modepulse": self._stats, "hello": self._hello, "webdis": self._webdis_zrevrange},
            "one reader": {
                "modepulse": lambda: self._stats(1),
                "webdis": lambda: self._webdis_zrevrange(1),
                "under load": self._stats_under_load,
            },
            "script": {"modepulse": self._script_calls, "minimal script": self._minimal_piped},
        }

    @staticmethod
    def _read_paths(pattern: str) -> list[bytes]:
        chance = random.Random(3)
        return [pattern.replace("{area}", str(101 + chance.randrange(AREAS))).encode() for _ in range(9000)]

    def _evalsha_paths(self) -> list[bytes]:
        chance = random.Random(2)
        return [
            f"/EVALSHA/{self._minimal}/3/user:{chance.randrange(USERS):012}/area:111/events/duel/{chance.randrange(USERS):012}".encode()
            for _ in range(20_000)
        ]

    def _cost(self, *names: str) -> dict[str, int]:
        return {name: self._scratch.pids[name] for name in ("redis", *names)}

    def _fill(self) -> None:
        """Ten modes with players in every area."""
        self._scratch.empty()
        with httpx.Client(base_url=self._scratch.url("api")) as http:
            for first in range(0, AREAS * len(MODES) * 3, BATCH):
                http.post("/events", content=log_ins(first, BATCH)).raise_for_status()

    def _post_batches(self) -> Sample:
        self._scratch.empty()
        return costed(
            self._cost("api"),
            lambda: wrk(
                self._scratch.url("api"), 8, self._seconds, "POST", "/events", self._files["batches"], units=BATCH
            ),
        )

    def _minimal_piped(self) -> Sample:
        self._scratch.empty()
        command = (
            "EVALSHA", self._minimal, "3", "user:__rand_int__", "area:__rand_int__", "events", "duel", "__rand_int__",
        )  # fmt: skip
        events = int(self._seconds * 80_000)
        return costed(self._cost(), lambda: redis_benchmark(self._scratch.redis_port, events, *command))

    def _post_events(self) -> Sample:
        self._scratch.empty()
        return costed(
            self._cost("api"),
            lambda: wrk(self._scratch.url("api"), 64, self._seconds, "POST", "/events", self._files["events"]),
        )

    def _hello(self) -> Sample:
        return costed(
            {"api": self._scratch.pids["hello"]},
            lambda: wrk(self._scratch.url("hello"), 64, self._seconds, "GET", self._files["root"]),
        )

    def _webdis_evalsha(self) -> Sample:
        self._scratch.empty()
        return costed(
            self._cost("webdis"),
            lambda: wrk(self._scratch.url("webdis"), 64, self._seconds, "GET", self._files["evalsha"]),
        )

    def _stats(self, connections: int = 64) -> Sample:
        self._fill()
        return costed(
            self._cost("api"),
            lambda: wrk(self._scratch.url("api"), connections, self._seconds, "GET", self._files["stats"]),
        )

    def _stats_under_load(self) -> Sample:
        self._fill()
        pace = Pace(self._scratch.ports["api"], self._batches, LOAD_EVENTS / BATCH)
        with pace.running():
            return costed(
                self._cost("api"),
                lambda: wrk(self._scratch.url("api"), 1, self._seconds, "GET", self._files["stats"]),
            )

    def _webdis_zrevrange(self, connections: int = 64) -> Sample:
        self._fill()
        return costed(
            self._cost("webdis"),
            lambda: wrk(self._scratch.url("webdis"), connections, self._seconds, "GET", self._files["zrevrange"]),
        )

    def _script_calls(self) -> Sample:
        self._scratch.empty()
        calls = []
        for n in range(int(self._seconds * 800)):
            script_args = validate_events(random_events(CALL, n), 0, []).script_args
            token = new_token()
            call = RecordCall(token, 900_000_000, 60, token, 60)
            keys, args = call.keys(KEYS), call.args(self._scratch.epoch, script_args)
            calls.append(packed("EVALSHA", record_events.sha, len(keys), *keys, *args))
        self._scratch.redis.script_load(record_events.source)
        return costed(self._cost(), lambda: script_calls(self._scratch.redis_port, calls, CALL))
