"""Queries of the archive while it is slow, elsewhere, or away."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import httpx2

from tests.conftest import SAME_ON_EVERY_SERVER
from tests.http_client import audit, event, problem
from tests.ports import unused_port
from tests.servers import Stack, eventually

pytestmark = SAME_ON_EVERY_SERVER


Item = dict[str, Any]


def test_a_question_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    with Stack(tmp_path / "data", query_timeout_seconds="0.2") as stack:
        http = httpx2.Client(base_url=stack.url, timeout=10)
        http.post("/events", json=event(1)).raise_for_status()
        eventually(lambda: audit(http)["items"])

        async def locked() -> httpx2.Response:
            connection = await asyncpg.connect(stack.run["postgres_dsn"])
            try:
                async with connection.transaction():
                    await connection.execute("LOCK TABLE area_mode_events IN ACCESS EXCLUSIVE MODE")
                    return await asyncio.to_thread(http.get, "/events")
            finally:
                await connection.close()

        assert problem(asyncio.run(locked()), 503)["code"] == "query_timeout"
        assert audit(http)["items"]
        http.close()


def test_the_replica_is_asked_where_there_is_one_and_its_end_harms_nothing_else(tmp_path: Path) -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{unused_port()}/none"
    with Stack(tmp_path / "data", postgres_read_dsn=nowhere) as stack:
        http = httpx2.Client(base_url=stack.url, timeout=10)
        http.post("/events", json=event(1)).raise_for_status()
        for path in ("/events", "/events?format=csv", "/history?area_code=1", "/users/u/history"):
            refused = http.get(path)
            assert problem(refused, 503)["code"] == "archive_unavailable"
            assert refused.headers["retry-after"]
        assert http.get("/stats?area_code=1").json() == {"1": [{"multiplayer_mode": "duel", "count": 1}]}
        http.close()


def test_questions_are_answered_again_when_postgres_is_back(own_stack: Stack) -> None:
    with own_stack as stack:
        http = httpx2.Client(base_url=stack.url, timeout=10)
        http.post("/events", json=event(1)).raise_for_status()
        eventually(lambda: audit(http)["items"])
        stack.kill("postgres")
        eventually(lambda: http.get("/events").status_code == 503, 5)
        eventually(lambda: http.get("/events").status_code == 200, 30)
        http.close()
