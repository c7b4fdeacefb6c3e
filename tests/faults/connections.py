"""Connections that break between the parts, and clients that hang up."""

import json
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import BINARIES
from tests.faults.load import BATCH_USERS, Load, Post, check
from tests.faults.proxy import Fault, Proxy
from tests.faults.summary import SUMMARY
from tests.servers import Stack, postgres_server, redis_server


@contextmanager
def proxied_stack(redis_name: str, directory: Path) -> Iterator[tuple[Stack, Proxy, Proxy]]:
    """The service with a proxy before its Redis and one before its Postgres."""
    redis_directory = directory / "redis"
    redis_directory.mkdir()
    with postgres_server(directory) as postgres, redis_server(BINARIES[redis_name], redis_directory) as redis_port:
        redis, archive = Proxy(redis_port, b"LOGIN"), Proxy(postgres.port, b"COMMIT")
        dsn = postgres.dsn().replace(f":{postgres.port}/", f":{archive.port}/")
        try:
            with Stack(
                directory / "data",
                redis_url=f"redis://127.0.0.1:{redis.port}/0",
                postgres_dsn=dsn,
                redis_timeout_seconds="0.5",
            ) as stack:
                yield stack, redis, archive
        finally:
            redis.close()
            archive.close()


def break_connections(redis_name: str, directory: Path, times: int, name: str) -> None:
    chance = random.Random(times)
    with proxied_stack(redis_name, directory) as (stack, redis, archive):
        with Load(stack.url, 41, clients=2, rate=6000) as load:
            for kind in ("swallow", "cut", "reset", "half-close"):
                for _ in range(times):
                    fault = Fault(kind, keep=chance.randrange(60))
                    redis.arm(fault)
                    assert fault.done.wait(20)
            for _ in range(times):
                fault = Fault(chance.choice(("refuse", "reset")))
                archive.arm(fault)
                assert fault.done.wait(20)
        SUMMARY.add(name, times * 5, check(stack, load))


def hang_up(stack: Stack, count: int, seed: int) -> list[Post]:
    """Requests whose clients close at a random moment after sending, without reading."""
    chance = random.Random(seed)
    posts = []
    for number in range(count):
        items = [
            {
                "area_code": 950,
                "multiplayer_mode": "duel",
                "user_id": f"hung-{seed}-{number}-{n}",
                "events_name": "LOGIN",
                "epoch_timestamp": round(time.time(), 6),
            }
            for n in range(chance.choice((1, BATCH_USERS, 450)))
        ]
        post = Post(items, f"hung-{seed}-{number}")
        # As httpx2 writes it: the repeat with the same key has to be the same body.
        body = json.dumps({"items": items}, separators=(",", ":")).encode()
        head = (
            f"POST /events HTTP/1.1\r\nHost: x\r\nIdempotency-Key: {post.key}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        with socket.create_connection(("127.0.0.1", stack.port)) as connection:
            connection.sendall(head + body[: chance.choice((len(body), len(body), len(body) // 2))])
            time.sleep(chance.uniform(0, 0.003))  # the moment of the hang-up
        posts.append(post)
    return posts


def lose_clients(stack: Stack, name: str, count: int) -> None:
    with Load(stack.url, 42, rate=3000) as load:
        posts = hang_up(stack, count, count)
    SUMMARY.add(name, count, check(stack, load, posts))
