"""Clients that post stamped events with unique users, and a ledger that remembers each answer."""

import asyncio
import collections
import random
import threading
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx2
import redis

from tests.http_client import problem
from tests.minutes_model import EVENTS, MINUTES, minutes_of
from tests.postgres import query
from tests.servers import Stack, eventually, live_counts, modepulse, ready

BATCH_USERS = 40
# Answers that say that nothing was applied.
REFUSED = {
    "redis_unavailable",
    "partition_closed",
    "queue_full",
    "memory_full",
    "out_of_memory",
    "redis_refused",
    "keys_unknown",
}
Item = dict[str, Any]


@dataclass
class Post:
    """One request: its events, its key, and what came back (acked, refused, unknown)."""

    items: list[Item]
    key: str
    answer: str = "unknown"


@dataclass
class Report:
    """What the checker found, in events."""

    acked: int = 0
    lost: int = 0
    doubled: int = 0
    wrongly_refused: int = 0
    not_converged: int = 0
    differences: int = 0
    details: str = ""

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.wrongly_refused or self.not_converged or self.differences)


class Load:
    """Runs in a thread of its own; `rate` in events a second over all clients."""

    def __init__(self, url: str, seed: int, clients: int = 4, rate: float = 4000) -> None:
        self.url = url
        self.posts: list[Post] = []
        self._chance = random.Random(seed)
        self._prefix = f"{seed}x{uuid4().hex[:6]}"
        self._pause = clients * BATCH_USERS * 1.5 / rate
        self._clients = clients
        self._running = True
        self._gate = threading.Event()
        self._gate.set()
        self._idle = 0
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load")

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._running = False
        self._gate.set()
        self._thread.join()

    def await_posts(self, count: int) -> None:
        """Returns when more than `count` further requests have been sent."""
        before = len(self.posts)
        eventually(lambda: len(self.posts) > before + count, 30)

    def pause(self) -> None:
        """Returns when no request is in flight any more."""
        self._gate.clear()
        eventually(lambda: self._idle == self._clients, 60)

    def resume(self) -> None:
        self._gate.set()

    async def _run(self) -> None:
        await asyncio.gather(*(self._client(n) for n in range(self._clients)))

    async def _client(self, number: int) -> None:
        async with httpx2.AsyncClient(base_url=self.url, timeout=12) as http:
            batch = 0
            leaving: list[Item] = []
            while self._running:
                if not self._gate.is_set():
                    self._idle += 1
                    while not self._gate.is_set():  # noqa: ASYNC110  (it is set by another thread)
                        await asyncio.sleep(0.005)
                    self._idle -= 1
                    continue
                batch += 1
                arriving = [self._event(f"{self._prefix}-{number}-{batch}-{n}", "LOGIN") for n in range(BATCH_USERS)]
                post = Post([*arriving, *leaving], f"{self._prefix}-{number}-{batch}")
                leaving = [e | {"events_name": "LOGOUT", "epoch_timestamp": _now()} for e in arriving[::2]]
                self.posts.append(post)
                post.answer = await send(http, post)
                await asyncio.sleep(self._pause)

    def _event(self, user: str, name: str) -> Item:
        return {
            "area_code": self._chance.randrange(900, 910),
            "multiplayer_mode": self._chance.choice(("duel", "co op", "ctf")),
            "user_id": user,
            "events_name": name,
            "epoch_timestamp": _now(),
        }


def _now() -> float:
    return round(time.time(), 6)


async def send(http: httpx2.AsyncClient, post: Post) -> str:
    try:
        response = await http.post("/events", json={"items": post.items}, headers={"Idempotency-Key": post.key})
    except httpx2.TransportError:
        return "unknown"
    if response.status_code == 200:
        assert response.json()["accepted"] == len(post.items)
        return "acked"
    return "refused" if problem(response, 503)["code"] in REFUSED else "unknown"


def wait_until_archived(stack: Stack, seconds: float = 60) -> None:
    """Until Postgres holds all that Redis has logged."""
    arrived = "SELECT last_ms || '-' || last_seq AS at, healing FROM archive_checkpoint WHERE partition = 0"

    def archived() -> bool:
        try:
            row = query(stack, arrived)[0]
        except Exception:  # while Postgres comes back, or is not yet ready to be asked
            return False
        return not row["healing"] and row["at"] == _last_id(stack)

    eventually(archived, seconds)


def _last_id(stack: Stack) -> str:
    try:
        with redis.Redis.from_url(stack.run["redis_url"]) as client:
            info: Any = client.xinfo_stream("{0}:events")
            return str(info["last-generated-id"].decode())
    except redis.RedisError:
        return ""


def check(stack: Stack, load: Load, extra: list[Post] | None = None) -> Report:
    """Counts every event: first as the faults left it, then after repeating what had no good answer."""
    posts = [*load.posts, *(extra or [])]
    report = Report(acked=sum(len(post.items) for post in posts if post.answer == "acked"))
    eventually(lambda: ready(stack), 60)
    wait_until_archived(stack)
    stored = _stored(stack)
    for post in posts:
        for item in post.items:
            times = stored[item["user_id"], item["events_name"]]
            report.lost += post.answer == "acked" and times == 0
            report.doubled += times > 1
            report.wrongly_refused += post.answer == "refused" and times > 0
    asyncio.run(_repeat(stack.url, [post for post in posts if post.answer != "acked"]))
    wait_until_archived(stack)
    stored = _stored(stack)
    report.not_converged = sum(stored[i["user_id"], i["events_name"]] != 1 for post in posts for i in post.items)
    if live_counts(stack) != _model(posts):
        report.differences += 1
    # But for the peaks: a log that fell back was archived in another order than it now has.
    if [row[:4] + row[5:] for row in minutes_of(query(stack, EVENTS))] != [
        tuple(row)[:4] + tuple(row)[5:] for row in query(stack, MINUTES)
    ]:
        report.differences += 1
    verified = modepulse("verify", "--data-dir", str(stack.directory))
    if verified.returncode:
        report.differences += 1
        report.details = (verified.stdout + verified.stderr)[:2000]
    return report


def _stored(stack: Stack) -> collections.Counter[tuple[str, str]]:
    sql = "SELECT user_id, events_name, count(*) AS n FROM area_mode_events GROUP BY 1, 2"
    return collections.Counter({(row["user_id"], row["events_name"]): row["n"] for row in query(stack, sql)})


async def _repeat(url: str, posts: list[Post]) -> None:
    async with httpx2.AsyncClient(base_url=url, timeout=20) as http:
        for post in posts:
            deadline = time.monotonic() + 30
            while await send(http, post) != "acked":
                assert time.monotonic() < deadline


def _model(posts: list[Post]) -> dict[str, int]:
    latest: dict[str, Item] = {}
    for post in posts:
        for item in post.items:
            known = latest.get(item["user_id"])
            if known is None or item["epoch_timestamp"] > known["epoch_timestamp"]:
                latest[item["user_id"]] = item
    active = (i for i in latest.values() if i["events_name"] == "LOGIN")
    return dict(collections.Counter(f"{i['area_code']}|{i['multiplayer_mode']}" for i in active))
