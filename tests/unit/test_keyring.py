"""The keys in memory, whatever happens to those in Redis."""

from typing import Any

import pytest
from fakeredis import FakeAsyncRedis

from app.contract.api_key import Scope, digest_of, new_key
from app.contract.keys import API_KEYS, keys_of
from app.live.keyring import Keyring


@pytest.fixture
def redis() -> Any:
    return FakeAsyncRedis(protocol=2)


@pytest.fixture
async def open_redis(redis: Any) -> Any:
    await redis.set(keys_of(0).epoch, "epoch")
    return redis


async def test_key_is_found_by_its_digest(open_redis: Any) -> None:
    key, text = new_key("x", [Scope.READ])
    ring = Keyring(open_redis)
    assert await ring.refresh()
    assert not ring
    await open_redis.hset(API_KEYS, key.id, key.to_json())
    assert await ring.refresh()
    assert not await ring.refresh(), "nothing is new"
    assert ring.find(digest_of(text.encode())) == key
    assert ring.find(digest_of(b"other")) is None


async def test_wiped_redis_takes_no_key_away(open_redis: Any) -> None:
    key, text = new_key("x", [Scope.READ])
    await open_redis.hset(API_KEYS, key.id, key.to_json())
    ring = Keyring(open_redis)
    await ring.refresh()
    await open_redis.flushall()
    await ring.refresh()
    assert ring.known
    assert ring.find(digest_of(text.encode())) == key


async def test_lost_revocation_stays_one(open_redis: Any) -> None:
    key, text = new_key("x", [Scope.READ])
    ring = Keyring(open_redis)
    for copy in (key, key.revoked(), key):
        await open_redis.hset(API_KEYS, key.id, copy.to_json())
        await ring.refresh()
    found = ring.find(digest_of(text.encode()))
    assert found is not None
    assert found.revoked_at is not None


async def test_redis_without_an_epoch_has_not_shown_its_keys(redis: Any) -> None:
    ring = Keyring(redis)
    await ring.refresh()
    assert not ring.known
    await redis.set(keys_of(0).epoch, "epoch")
    assert await ring.refresh()
    assert ring.known


@pytest.mark.parametrize("change", ["flushed", "opened"])
async def test_keys_read_while_the_epoch_changes_are_not_believed(
    redis: Any, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    epoch = keys_of(0).epoch
    if change == "flushed":
        await redis.set(epoch, "epoch")

    async def read_twice(pipeline: Any) -> Any:
        first, entries = await redis.get(epoch), await redis.hgetall(API_KEYS)
        await (redis.flushall() if change == "flushed" else redis.set(epoch, "epoch"))
        return [first, entries, await redis.get(epoch)]

    monkeypatch.setattr("redis.asyncio.client.Pipeline.execute", read_twice)
    ring = Keyring(redis)
    await ring.refresh()
    assert not ring.known


async def test_redis_that_is_away_changes_nothing(open_redis: Any, caplog: pytest.LogCaptureFixture) -> None:
    ring = Keyring(FakeAsyncRedis(connected=False))
    for _ in range(3):
        assert not await ring.refresh()
    assert not ring.known
    assert len(caplog.records) == 1


@pytest.mark.parametrize("entry", [b"", b"{}", b"\xff", new_key("other id", [Scope.READ])[0].to_json()])
async def test_entry_that_is_no_key_opens_nothing_and_stops_nothing(open_redis: Any, entry: bytes) -> None:
    key, _ = new_key("x", [Scope.READ])
    await open_redis.hset(API_KEYS, "broken", entry)
    ring = Keyring(open_redis)
    await ring.refresh()
    assert ring, "somebody has made keys, so they are needed"
    assert ring.all() == []
    await open_redis.hset(API_KEYS, key.id, key.to_json())
    await ring.refresh()
    assert ring.all() == [key]
