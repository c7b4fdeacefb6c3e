"""GET /areas and GET /modes."""

import time
from typing import Any, cast

import httpx2
import pytest
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
    assert (areas["total"], modes["total"]) == (len(areas["areas"]), len(modes["modes"]))
    assert areas["next_offset"] is modes["next_offset"] is None


@pytest.mark.parametrize("path", ["areas", "modes"])
def test_pages_together_are_all(http: httpx2.Client, area: int, path: str) -> None:
    events = [event(f"{area}-{n}", f"u{n}-{m}", mode=f"{area}-{m}") for n in range(5) for m in range(n + 1)]
    http.post("/events", json=events).raise_for_status()

    def counted() -> bool:
        return f'"{area}-4"' in http.get(f"/{path}").text

    eventually(counted)
    whole = http.get(f"/{path}").json()[path]
    pages, offset = [], 0
    while offset is not None:
        page = http.get(f"/{path}", params={"limit": 2, "offset": offset}).json()
        assert len(page[path]) <= 2
        pages += page[path]
        offset = page["next_offset"]
    assert pages == whole
    assert http.get(f"/{path}", params={"offset": len(whole)}).json()[path] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=5001", "offset=-1", "limit=1&limit=1", "cursor=1"])
def test_page_that_cannot_be_is_refused(http: httpx2.Client, query: str) -> None:
    for path in ("/areas", "/modes"):
        answer = http.get(f"{path}?{query}")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_query")
        assert answer.json()["errors"][0]["loc"] == ["query", query.split("=")[0]]


def test_overviews_of_a_moment_share_one_read(stack: Stack, http: httpx2.Client, area: int) -> None:
    http.post("/events", json=event(area)).raise_for_status()
    with redis.Redis.from_url(stack.run["redis_url"]) as store:

        def reads() -> int:
            calls: int = cast("Any", store).info("commandstats")["cmdstat_zcount"]["calls"]
            return calls

        http.get("/areas").raise_for_status()
        before, start = reads(), time.monotonic()
        for _ in range(200):
            http.get("/areas").raise_for_status()
        # One is good for 0.25 s at least.
        assert reads() - before <= (time.monotonic() - start) / 0.25 + 1
