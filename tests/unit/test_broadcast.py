import asyncio
from collections.abc import Iterable

import pytest

from app.live import broadcast as module
from app.live.broadcast import Broadcast


async def constant(questions: Iterable[str]) -> dict[str, bytes]:
    return dict.fromkeys(questions, b"{}")


async def test_listeners_without_news_are_woken_for_a_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.05)
    broadcast = Broadcast(constant)
    async with asyncio.timeout(5), broadcast.listen("question") as (feed, listener):
        frame = feed.frame
        for beat in (1, 2):
            await listener.woken()
            assert broadcast.heartbeats == beat
            assert feed.frame is frame


async def test_nothing_is_read_when_nobody_listens() -> None:
    broadcast = Broadcast(constant)
    async with broadcast.listen("question"):
        (ticking,) = (task for task in asyncio.all_tasks() if task.get_name() == "broadcast")
    async with asyncio.timeout(5):
        await ticking
