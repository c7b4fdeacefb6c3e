"""The monitor of Redis, on replies that the test gives."""

import asyncio
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from app import lifespan
from app.contract.connection import SettingsMismatch
from app.live.counters import LiveCounters
from app.live.group_commit import GroupCommit, Recorder
from app.live.monitor import PROMISED, RedisMonitor
from app.live.secret import SharedSecret
from app.settings import Settings


class Replies:
    """Stands in for redis-py's client, for LiveCounters and for SharedSecret."""

    def __init__(self, memory: Any, config: Any = PROMISED, closed: Exception | None = None) -> None:
        self.memory, self.config, self.closed = memory, config, closed

    async def info(self, _: str) -> Any:
        if isinstance(self.memory, Exception):
            raise self.memory
        return self.memory

    async def get(self, _: str) -> bytes:
        return b"the secret"

    async def config_get(self, *_: str) -> Any:
        return self.config

    def pipeline(self, transaction: bool) -> Any:
        raise ResponseError("not asked for here")

    async def load(self) -> None:
        pass

    async def closed_reason(self) -> None:
        if self.closed is not None:
            raise self.closed


def monitor_of(replies: Replies) -> tuple[RedisMonitor, GroupCommit]:
    commits = GroupCommit(cast(Recorder, None), 1, 1)
    redis = cast(Redis, replies)
    return RedisMonitor(redis, cast(LiveCounters, replies), [commits], SharedSecret(redis), Settings()), commits


FULL = {"used_memory": 90, "maxmemory": 100}


@pytest.mark.parametrize("hidden", [{}, {"used_memory": 90}, {"maxmemory": 100}])
async def test_fields_that_a_managed_redis_hides_are_no_failure(
    hidden: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    monitor, commits = monitor_of(Replies(hidden))
    await monitor.poll()
    assert not commits.memory_full
    assert monitor.degraded == []
    assert not caplog.records


@pytest.mark.parametrize("error", [KeyError("used_memory"), ValueError("odd"), ResponseError("forbidden")])
async def test_check_that_fails_stops_no_other_and_not_the_next_poll(error: Exception) -> None:
    replies = Replies(error)
    monitor, commits = monitor_of(replies)
    await monitor.poll()
    assert monitor.degraded == []
    replies.memory = FULL
    await monitor.poll()
    assert commits.memory_full


async def test_failing_check_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    monitor, _ = monitor_of(Replies(KeyError("used_memory")))
    for _ in range(3):
        await monitor.poll()
    assert [record.getMessage() for record in caplog.records] == ["A check of Redis fails"]


async def test_monitor_that_ends_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    killed = asyncio.Event()
    monkeypatch.setattr("os.kill", lambda *_: killed.set())
    monkeypatch.setattr("app.live.monitor.POLL_SECONDS", 0)
    monitor, _ = monitor_of(Replies(FULL, closed=SettingsMismatch("other partitions")))
    async with asyncio.timeout(5), lifespan._watched(monitor):
        await killed.wait()


async def test_monitor_that_is_stopped_in_order_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.kill", lambda *_: pytest.fail("killed"))
    monitor, _ = monitor_of(Replies(FULL))
    async with lifespan._watched(monitor):
        await asyncio.sleep(0)
    await asyncio.sleep(0)
