import asyncio
from collections.abc import Iterable

import pytest

from app.live import broadcast as module
from app.live.broadcast import Hub


async def constant(subscriptions: Iterable[str]) -> dict[str, bytes]:
    return dict.fromkeys(subscriptions, b"{}")


async def test_listeners_without_news_are_woken_for_a_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.05)
    hub = Hub(constant)
    async with asyncio.timeout(5), hub.subscribe("subscription") as (channel, subscriber):
        frame = channel.frame
        for beat in (1, 2):
            await subscriber.woken()
            assert hub.heartbeats == beat
            assert channel.frame is frame


async def test_nothing_is_read_when_nobody_listens() -> None:
    hub = Hub(constant)
    async with hub.subscribe("subscription"):
        (ticking,) = (task for task in asyncio.all_tasks() if task.get_name() == "broadcast")
    async with asyncio.timeout(5):
        await ticking
