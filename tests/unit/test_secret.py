"""The secret that all processes share."""

import pytest
from fakeredis import FakeAsyncRedis, FakeServer
from redis.exceptions import ConnectionError as RedisConnectionError

from app.contract.keys import SECRET
from app.errors import Unavailable
from app.live.secret import SharedSecret


async def test_every_process_has_the_same_and_each_purpose_its_own() -> None:
    server = FakeServer()
    first, second = (SharedSecret(FakeAsyncRedis(server=server)) for _ in range(2))
    await first.load()
    await second.load()
    assert first.key(b"cursor") == second.key(b"cursor")
    assert len({first.key(purpose) for purpose in (b"cursor", b"session", b"")}) == 3
    assert first.key(b"cursor") not in (await FakeAsyncRedis(server=server).get(SECRET), b"")


async def test_another_service_has_another() -> None:
    first, second = (SharedSecret(FakeAsyncRedis(server=FakeServer())) for _ in range(2))
    await first.load()
    await second.load()
    assert first.key(b"cursor") != second.key(b"cursor")


async def test_an_emptied_redis_is_given_the_one_in_use() -> None:
    server = FakeServer()
    redis = FakeAsyncRedis(server=server)
    running = SharedSecret(redis)
    await running.load()
    before = running.key(b"cursor")
    await redis.flushall()
    await running.load()
    started = SharedSecret(redis)
    await started.load()
    assert running.key(b"cursor") == started.key(b"cursor") == before


async def test_processes_that_had_two_agree_on_the_one_in_redis() -> None:
    server = FakeServer()
    redis = FakeAsyncRedis(server=server)
    running = SharedSecret(redis)
    await running.load()
    await redis.flushall()
    started = SharedSecret(redis)
    await started.load()
    assert running.key(b"cursor") != started.key(b"cursor")
    await running.load()
    assert running.key(b"cursor") == started.key(b"cursor")


async def test_redis_out_of_reach() -> None:
    server = FakeServer()
    secret = SharedSecret(FakeAsyncRedis(server=server))
    with pytest.raises(Unavailable, match="Redis"):
        secret.key(b"cursor")
    server.connected = False
    with pytest.raises(RedisConnectionError):
        await secret.load()
    server.connected = True
    await secret.load()
    before = secret.key(b"cursor")
    server.connected = False
    with pytest.raises(RedisConnectionError):
        await secret.load()
    assert secret.key(b"cursor") == before
