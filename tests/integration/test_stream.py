"""GET /stats/stream: the stats at once, then each change."""

import signal
import socket
import time
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest
import redis

from tests.conftest import SAME_ON_EVERY_SERVER
from tests.http_client import event, post, problem, ranking
from tests.servers import Stack, eventually, ready
from tests.sse_client import listening

pytestmark = SAME_ON_EVERY_SERVER


def test_stats_at_once_then_each_change(stack: Stack, http: httpx2.Client, area: int) -> None:
    post(http, event(area))
    with listening(stack.url, area) as stream:
        first = stream.next()
        assert first.data == {str(area): ranking(duel=1)}
        assert stream.retry == 1000
        assert stream.response.headers["x-accel-buffering"] == "no"
        assert stream.response.headers["cache-control"] == "no-store"
        post(http, event(area, "u2"))
        second = stream.next()
        assert second.data == {str(area): ranking(duel=2)}
        assert first.identity != second.identity
        post(http, event(area, name="LOGOUT"), event(area, "u2", name="LOGOUT"))
        assert stream.next().data == {str(area): []}


def test_frame_is_what_get_stats_answers_for_the_same_areas(stack: Stack, http: httpx2.Client, area: int) -> None:
    areas = [f"{area}-b", f'{area} "ü', f"{area}-a"]
    post(http, event(areas[1]), event(areas[2], mode="co_op"), event(areas[2]), event(areas[2], "u2"))
    for limit in (1, 1000):
        with listening(stack.url, areas, limit=limit) as stream:
            read = http.get("/stats", params={"area_code": areas, "limit": limit}).json()
            assert list(stream.next().data.items()) == list(read.items())


def test_returning_listener_gets_only_what_changed(stack: Stack, http: httpx2.Client, area: int) -> None:
    post(http, event(area))
    with listening(stack.url, area) as stream:
        last = stream.next().identity
    with listening(stack.url, area, last) as stream:
        post(http, event(area, "u2"))
        assert stream.next().data == {str(area): ranking(duel=2)}
    with listening(stack.url, area, last) as stream:
        assert stream.next().data == {str(area): ranking(duel=2)}, "what changed meanwhile comes at once"
    with listening(stack.url, [area, f"{area}-b"], last) as stream:
        assert stream.next().data == {str(area): ranking(duel=2), f"{area}-b": []}, "an id of another question"


def test_at_most_ten_frames_a_second_and_the_last_is_the_newest(stack: Stack, http: httpx2.Client, area: int) -> None:
    with listening(stack.url, area) as stream:
        stream.next()
        start, frames = time.monotonic(), 0
        for user in range(200):
            post(http, event(area, f"u{user}"))
            if user % 10 == 0:
                with listening(stack.url, area) as other:  # a new listener does not speed up the others' frames
                    assert other.next().data == {str(area): ranking(duel=user + 1)}
        while True:
            frames += 1
            if stream.next().data == {str(area): ranking(duel=200)}:
                break
        assert frames <= (time.monotonic() - start) / 0.1 + 1


def test_overview_of_all_areas(stack: Stack, http: httpx2.Client, area: int) -> None:
    with listening(stack.url, "*") as stream:
        assert {"areas", "players", "total", "events_per_second", "archive_lag_seconds"} == set(stream.next().data)
        post(http, *(event(area, f"u{n}") for n in range(50)))
        mine = {"area_code": str(area), "players": 50, "top_mode": "duel", "top_mode_count": 50}
        seen = [stream.next().data]
        while mine not in seen[-1]["areas"] or not any(data["events_per_second"] for data in seen):
            seen.append(stream.next().data)
        data = seen[-1]
        assert data["players"] == sum(one["players"] for one in data["areas"])
        assert [one["players"] for one in data["areas"]] == sorted((a["players"] for a in data["areas"]), reverse=True)
        while data["events_per_second"] or data["archive_lag_seconds"]:
            data = stream.next().data
    with listening(stack.url, "*", limit=1) as stream:
        limited = stream.next().data
        assert len(limited["areas"]) == 1
        assert limited["players"] == http.get("/areas").json()["players"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "missing"),
        ("area_code=", "invalid_name"),
        ("area_code=1|2", "invalid_name"),
        ("area_code=*&area_code=1", "range"),
        ("area_code=1&limit=0", "range"),
        ("area_code=1&areas=2", "unknown_parameter"),
        ("&".join(f"area_code={n}" for n in range(101)), "too_many"),
    ],
)
def test_bad_question_is_refused(http: httpx2.Client, query: str, code: str) -> None:
    assert problem(http.get(f"/stats/stream?{query}"), 422)["errors"][0]["code"] == code


def test_listeners_share_one_read_a_tick(stack: Stack, http: httpx2.Client, area: int) -> None:
    store: Any = redis.Redis.from_url(stack.run["redis_url"])
    with ExitStack() as streams:
        opened = [streams.enter_context(listening(stack.url, area)) for _ in range(200)]
        for stream in opened:
            stream.next()
        before, start = reads(store), time.monotonic()
        for user in range(100):
            post(http, event(area, f"u{user}"))
        expected = {str(area): ranking(duel=100)}
        for stream in opened:
            stream.until(**expected)
        # A tick lasts 0.1 s at least; other areas have no listener meanwhile.
        assert reads(store) - before <= (time.monotonic() - start) / 0.1 + 1
    store.close()


def reads(store: Any) -> int:
    calls: int = store.info("commandstats")["cmdstat_zrevrange"]["calls"]
    return calls


def test_slow_listener_finds_the_newest_state(stack: Stack, http: httpx2.Client, area: int) -> None:
    """Frames of 140 kB: the first fills the buffers on the way, one waits for it, and the rest never exists."""
    modes = [f"{n:04}{'m' * 250}" for n in range(500)]
    post(http, *(event(area, f"u{n}", mode=mode) for n, mode in enumerate(modes)))
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", stack.port))
        slow.settimeout(10)
        slow.sendall(f"GET /stats/stream?area_code={area} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        sent = 0
        with listening(stack.url, area) as stream:
            stream.next()
            for user in range(50):
                post(http, event(area, f"more{user}", mode=modes[user]))
                stream.next()
                sent += 1
        newest = http.get("/stats", params={"area_code": area}).content
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        frames = slow.makefile("rb")
        read = 0
        while b"data: " + newest + b"\n" != (line := frames.readline()):
            read += line.startswith(b"data: ")
        assert read <= 2 < sent


def test_streams_end_when_the_service_stops_and_go_on_after_it(own_stack: Stack) -> None:
    own_stack.start()
    with httpx2.Client(base_url=own_stack.url, timeout=10) as http:
        post(http, event(1))
    with listening(own_stack.url, 1) as stream:
        last = stream.next().identity
        own_stack.kill("api", signal.SIGTERM)
        # Its last chunk arrives: one that is cut off, when the time for open requests is up, is a protocol error.
        with pytest.raises(EOFError):
            stream.next()
    eventually(lambda: ready(own_stack))
    with listening(own_stack.url, 1, last) as stream, httpx2.Client(base_url=own_stack.url, timeout=10) as http:
        post(http, event(1, "u2"))
        assert stream.next().data == {"1": ranking(duel=2)}


def test_lost_redis_is_reported_and_so_is_its_return(own_stack: Stack) -> None:
    own_stack.start()
    with httpx2.Client(base_url=own_stack.url, timeout=10) as http:
        post(http, event(1))
    with listening(own_stack.url, 1) as stream:
        state = stream.next()
        # Started again only after it was missed.
        own_stack.kill("redis", signal.SIGSTOP)
        lost = stream.next()
        assert lost.kind == "problem"
        assert lost.data["code"] == "redis_unavailable"
        assert not lost.identity
        own_stack.kill("redis")
        back = stream.next()
        assert back.kind == "message"
        assert back.data == state.data


def test_overview_of_a_redis_that_does_not_tell_its_settings(own_stack: Stack) -> None:
    """As providers offer it."""
    own_stack.start()
    with redis.Redis.from_url(own_stack.run["redis_url"]) as store:
        store.execute_command("ACL", "SETUSER", "api", "-config|get")
    killed = own_stack.run["pids"]["api"]
    own_stack.kill("api")
    eventually(lambda: own_stack.run["pids"]["api"] != killed and ready(own_stack))
    with httpx2.Client(base_url=own_stack.url, timeout=10) as http:
        assert http.get("/readyz").json()["durability"] == "unknown"
        with listening(own_stack.url, "*") as stream:
            post(http, event(1))
            while not stream.next().data["events_per_second"]:
                pass
