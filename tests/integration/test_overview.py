"""GET /areas and GET /modes."""

import time
from typing import Any, cast

import httpx2
import redis

from tests.http_client import event
from tests.servers import Stack, eventually


def test_overviews_add_up(http: httpx2.Client, area: int) -> None:
    http.post("/events", json=[event(area, f"u{n}", mode="chess" if n else "go") for n in range(4)])

    def mine() -> list[dict[str, Any]]:
        return [one for one in http.get("/areas/").json()["areas"] if one["area_code"] == str(area)]

    found = eventually(mine)  # the overview is up to a second old
    assert found == [{"area_code": str(area), "players": 4, "top_mode": "chess", "top_mode_count": 3}]
    areas, modes = http.get("/areas").json(), http.get("/modes").json()
    assert sum(a["players"] for a in areas["areas"]) == areas["players"]
    assert sum(m["count"] for m in modes["modes"]) == modes["players"]


def test_overviews_of_a_moment_share_one_read(stack: Stack, http: httpx2.Client, area: int) -> None:
    http.post("/events", json=event(area)).raise_for_status()
    with redis.Redis.from_url(stack.run["redis_url"]) as store:

        def reads() -> int:
            calls: int = cast("Any", store).info("commandstats")["cmdstat_smembers"]["calls"]
            return calls

        http.get("/areas").raise_for_status()
        before, start = reads(), time.monotonic()
        for _ in range(200):
            http.get("/areas").raise_for_status()
        # One is good for 0.25 s at least.
        assert reads() - before <= (time.monotonic() - start) / 0.25 + 1
