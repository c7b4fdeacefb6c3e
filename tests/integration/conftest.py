import itertools
from collections.abc import Iterator

import pytest
import redis

from archiver import live_state, log_follower
from tests.bystander import Bystander
from tests.script_harness import ScriptHarness
from tests.servers import postgres_server

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
