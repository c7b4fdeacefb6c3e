"""Start and stop of the service's parts."""

import asyncio

import pytest

from app.archive.pool import ArchivePool
from app.lifespan import running
from app.live.multiplexer import Multiplexer
from app.settings import Settings


async def test_part_that_fails_to_start_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[int] = []

    async def fail(_: ArchivePool) -> None:
        raise OSError("no archive")

    monkeypatch.setattr(ArchivePool, "open", fail)
    monkeypatch.setattr(Multiplexer, "close", lambda link: closed.append(id(link)))
    before = asyncio.all_tasks()
    with pytest.raises(OSError, match="no archive"):
        # Nothing listens there: the service starts without its Redis.
        async with running(Settings(redis_url="redis://127.0.0.1:1", partitions=2)):
            pytest.fail("started")
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    assert len(closed) == 3
