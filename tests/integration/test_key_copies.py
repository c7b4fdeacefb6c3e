"""The copies of the keys in Redis and in Postgres, without a service around them."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import redis
from redis.asyncio import Redis

from app.contract.api_key import Scope, new_key
from app.contract.connection import connect
from app.contract.key_store import read_keys, write_key
from app.contract.postgres import Connection
from app.settings import Settings
from archiver import rebuild as rebuilding
from archiver.api_keys import forget_ended, store_keys, synchronise
from archiver.postgres import connect as connect_postgres
from archiver.postgres import migrate
from tests.servers import eventually


class Stores:
    """A Redis and a Postgres without a service."""

    def __init__(self, settings: Settings, live: Redis, postgres: Connection) -> None:
        self.settings, self.live, self.postgres = settings, live, postgres


@pytest.fixture
async def stores(dsn: str, redis_port: int) -> AsyncIterator[Stores]:
    settings = Settings(redis_url=f"redis://127.0.0.1:{redis_port}/4", postgres_dsn=dsn)
    eventually(lambda: answers(redis_port))
    live, postgres = connect(settings), await connect_postgres(dsn)
    await migrate(postgres)
    await postgres.execute("TRUNCATE api_keys")
    await live.flushdb()
    yield Stores(settings, live, postgres)
    await postgres.close()
    await live.aclose()


def answers(port: int) -> bool:
    try:
        with redis.Redis(port=port) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


async def test_rebuilt_redis_is_at_no_moment_open_without_its_keys(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = new_key("x", [Scope.READ])
    await write_key(stores.live, key)
    await store_keys(stores.live, stores.postgres)
    await stores.live.flushdb()
    after_exchange = []
    exchange = rebuilding._exchange

    async def watched(*args: Any) -> None:
        await exchange(*args)
        after_exchange.append(await read_keys(stores.live))

    monkeypatch.setattr(rebuilding, "_exchange", watched)
    await rebuilding.rebuild(stores.settings, stores.live)
    assert [(bool(kept.epoch), kept.keys) for kept in after_exchange] == [(True, {key.id: key})]


async def test_keys_that_ended_long_ago_leave_redis_once_they_were_there_for_a_while(stores: Stores) -> None:
    live, postgres = stores.live, stores.postgres
    await live.set("{0}:epoch", "epoch")
    valid, _ = new_key("valid", [Scope.READ])
    recent = new_key("recent", [Scope.READ])[0].revoked()
    old = replace(new_key("old", [Scope.READ])[0], revoked_at=round(time.time() - 31 * 86_400, 3))
    expired = replace(new_key("expired", [Scope.READ])[0], expires_at=1_700_000_000.0)
    for key in (valid, recent, old, expired):
        await write_key(live, key)
    assert await forget_ended(live, postgres, "epoch", frozenset({old.id})) == frozenset(), "Postgres has none yet"
    await synchronise(live, postgres, "epoch")
    seen = await forget_ended(live, postgres, "epoch", frozenset())
    assert seen == {old.id, expired.id}
    assert await forget_ended(live, postgres, "another", seen) == frozenset()
    assert len((await read_keys(live)).keys) == 4
    assert await forget_ended(live, postgres, "epoch", seen) == frozenset()
    await synchronise(live, postgres, "epoch")
    assert (await read_keys(live)).keys.keys() == {valid.id, recent.id}
    # An older Redis has it as it was before it was revoked.
    await write_key(live, replace(old, revoked_at=None))
    await synchronise(live, postgres, "epoch")
    assert (await read_keys(live)).keys[old.id] == old
