import itertools
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import redis

from archiver import live_state, log_follower
from tests.bystander import Bystander
from tests.conftest import BINARIES
from tests.script_harness import ScriptHarness
from tests.servers import Stack, postgres_server

# Limits that tests can meet.
SMALL: dict[str, int] = {
    "connections_per_address": 40,
    "listeners_per_address": 2,
    "max_listeners": 3,
    "max_header_bytes": 16_384,
    "header_timeout_seconds": 2,
    "max_body_bytes": 2_000_000,
    "body_timeout_seconds": 1,
    "max_waiting_bytes": 2_000_000,
    "max_request_events": 1000,
}

_areas = itertools.count(200_000)


@pytest.fixture
def area() -> int:
    """Nobody else's."""
    return next(_areas)


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Postgres by itself, for the tests of one module."""
    with postgres_server(tmp_path_factory.mktemp("archive")) as postgres:
        yield postgres.dsn()


@pytest.fixture
def bystander(engine: ScriptHarness, redis_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bystander]:
    """Beside one that reads in small steps, without pauses, a partition in which nothing is yet."""
    engine.do(engine.redis.flushdb())
    engine.do(engine.redis.set(engine.keys.epoch, "epoch"))
    monkeypatch.setattr(log_follower, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(live_state, "MAX_COUNTERS", 50)
    monkeypatch.setattr(live_state, "STEP_WORK", 100)
    with redis.Redis(port=redis_port) as client:
        yield Bystander(engine, client)


@pytest.fixture(scope="module")
def small(redis_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The service with small limits. Whatever is sent to it, the API logs no error."""
    directory = tmp_path_factory.mktemp("small") / "stack"
    settings: dict[str, Any] = {name: str(limit) for name, limit in SMALL.items()}
    with Stack(directory, redis_server=str(BINARIES[redis_name]), **settings) as stack:
        yield stack
    lines = (directory.parent / f"{directory.name}.log").read_text().splitlines()
    # The archiver may have started before its database was made.
    errors = [line for line in lines if '"level":"error"' in line and '"logger":"archiver.' not in line]
    assert errors == []


@pytest.fixture
def small_http(small: Stack) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=small.url, timeout=20) as client:
        yield client
