"""Limits on names over HTTP: what is refused, with its places, and that nothing of it was applied."""

import itertools
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import redis

from tests.conftest import BINARIES, SAME_ON_EVERY_SERVER
from tests.http_client import event, problem, stats
from tests.servers import Stack, eventually
from tests.sse_client import listening

pytestmark = SAME_ON_EVERY_SERVER
AREAS, NEW_AREAS, MODES, SESSIONS, KEYS = 40, 30, 5, 10, 3
LIMITS: dict[str, Any] = {
    "max_areas": str(AREAS),
    "new_areas_per_minute": str(NEW_AREAS),
    "max_modes_per_area": str(MODES),
    "max_sessions_per_user": str(SESSIONS),
    "max_idempotency_keys": str(KEYS),
}
_prefixes = itertools.count()


@pytest.fixture(scope="module")
def limited(redis_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    directory = tmp_path_factory.mktemp("limits") / "data"
    with Stack(directory, redis_server=str(BINARIES[redis_name]), **LIMITS) as stack:
        yield stack


@pytest.fixture
def names(limited: Stack) -> list[str]:
    """Areas of one test, while no area is known and no key was used."""
    with redis.Redis.from_url(limited.run["redis_url"]) as store:
        store.delete("{0}:areas", "{0}:idle_areas", "{0}:new_areas", "{0}:kept_answers")
    prefix = next(_prefixes)
    return [f"{prefix}-{n}" for n in range(300)]


@pytest.fixture
def http(limited: Stack) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=limited.url, timeout=20) as client:
        yield client


def refused(http: httpx2.Client, events: list[dict[str, Any]], code: str, **more: Any) -> list[list[Any]]:
    """The places of the faults; that nothing was applied."""
    areas = sorted({str(item["area_code"]) for item in events})
    before = stats(http, *areas)
    found = problem(http.post("/events", json={"items": events}, **more), 422)
    assert found["code"] == code
    assert "nothing was applied" in found["title"]
    assert {fault["code"] for fault in found["errors"]} == {code}
    assert stats(http, *areas) == before
    return [fault["loc"] for fault in found["errors"]]


def taken(http: httpx2.Client, events: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = http.post("/events", json=events, **more).raise_for_status().json()
    return answer


def test_too_many_new_areas_of_a_minute(http: httpx2.Client, names: list[str]) -> None:
    taken(http, [event(area) for area in names[: NEW_AREAS - 1]])
    places = refused(http, [event(area) for area in names[: NEW_AREAS + 2]], "too_many_new_areas")
    assert places == [["items", n, "area_code"] for n in (NEW_AREAS, NEW_AREAS + 1)]
    response = http.post("/events", json=[event(area) for area in names[: NEW_AREAS + 1]])
    assert response.headers["retry-after"] == "60"
    assert taken(http, [event(area, "v") for area in names[:NEW_AREAS]])["applied"] == NEW_AREAS


def fill_areas(limited: Stack, known: int = AREAS) -> None:
    """Areas that nobody plays in, as if they had become known some time ago."""
    with redis.Redis.from_url(limited.run["redis_url"]) as store:
        store.sadd("{0}:areas", *(f"known-{n}" for n in range(known)))


def test_too_many_areas(limited: Stack, http: httpx2.Client, names: list[str]) -> None:
    fill_areas(limited)
    assert refused(http, [event("known-0"), event(names[0])], "too_many_areas") == [["items", 1, "area_code"]]
    assert taken(http, [event("known-0"), event("known-1")])["applied"] == 2
    assert taken(http, [event(names[0], name="LOGOUT")])["accepted"] == 1, "a log-out is never refused"
    single = problem(http.post("/events", json=event(names[0])), 422)
    assert single["errors"][0]["loc"] == ["area_code"]


def test_too_many_modes_and_sessions(http: httpx2.Client, names: list[str]) -> None:
    area = names[0]
    taken(http, [event(area, f"u{n}", mode=f"m{n}") for n in range(MODES)])
    places = refused(http, [event(area, "u1", mode="m0"), event(area, "u1", mode="other")], "too_many_modes")
    assert places == [["items", 1, "multiplayer_mode"]]
    sessions = [event(area, mode=f"m{n % MODES}") | {"user_id": "busy", "area_code": names[n]} for n in range(SESSIONS)]
    taken(http, sessions)
    more = [event(area, mode="m1") | {"user_id": "busy"}]
    assert refused(http, more, "too_many_sessions") == [["items", 0, "user_id"]]
    assert taken(http, sessions)["accepted"] == SESSIONS, "those that are known go on"


def test_too_many_keys(http: httpx2.Client, names: list[str]) -> None:
    answers = [taken(http, [event(names[0], f"u{n}")], headers={"Idempotency-Key": str(n)}) for n in range(KEYS)]
    loc = refused(http, [event(names[0], "v")], "too_many_keys", headers={"Idempotency-Key": "another"})
    assert loc == [["header", "Idempotency-Key"]]
    assert taken(http, [event(names[0], "u0")], headers={"Idempotency-Key": "0"}) == answers[0]
    assert taken(http, [event(names[0], "v")])["applied"] == 1


@pytest.mark.parametrize("count", [5, 250])
def test_what_is_over_a_limit_is_skipped_and_reported(
    limited: Stack, http: httpx2.Client, names: list[str], count: int
) -> None:
    fill_areas(limited)
    items = [{"no": "event"}, *(event("known-2", f"{names[0]}-{n}") for n in range(count)), event(names[0])]
    headers = {"Idempotency-Key": names[0]}
    answers = [taken(http, items, params={"on_invalid": "skip"}, headers=headers) for _ in range(2)]
    assert answers[0] == answers[1]
    assert (answers[0]["accepted"], answers[0]["applied"]) == (count, count)
    assert answers[0]["errors"][-1]["loc"] == [count + 1, "area_code"]
    assert answers[0]["errors"][-1]["code"] == "too_many_areas"
    assert stats(http, names[0]) == {names[0]: []}


def test_request_of_several_calls_is_refused_as_a_whole(limited: Stack, http: httpx2.Client, names: list[str]) -> None:
    """What it opens is asked about before its first call, though it is found in a later one."""
    fill_areas(limited, AREAS - 1)
    good = [event(names[0], f"u{n}") for n in range(200)]
    places = refused(http, [*good, event(names[1]), event(names[2])], "too_many_areas")
    assert places == [["items", 200, "area_code"], ["items", 201, "area_code"]]
    taken(http, good)
    modes = [event(names[0], mode=f"m{n}") for n in range(MODES)]
    assert refused(http, [*good, *modes], "too_many_modes") == [["items", 204, "multiplayer_mode"]]
    busy = [event(names[0]) | {"user_id": names[0], "area_code": f"known-{n % 30}"} for n in range(150)]
    places = refused(http, busy, "too_many_sessions")
    assert places[0] == ["items", SESSIONS, "user_id"]


def test_what_is_found_when_a_part_is_applied_is_refused_alone(http: httpx2.Client, names: list[str]) -> None:
    sessions = [event(names[n]) | {"user_id": names[0]} for n in range(SESSIONS)]
    taken(http, sessions)
    items = [event(names[0], f"u{n}") for n in range(150)] + [event(names[11]) | {"user_id": names[0]}]
    answer = taken(http, items)
    assert (answer["accepted"], answer["applied"]) == (150, 150)
    assert [(fault["loc"], fault["code"]) for fault in answer["errors"]] == [([150, "user_id"], "too_many_sessions")]


def test_client_that_makes_up_names_fills_redis_no_further_than_the_limits(
    limited: Stack, http: httpx2.Client, names: list[str]
) -> None:
    """In small what `scripts/bench --names` does."""
    area, user = names[0], names[1]
    taken(http, [event(area, "first")])
    made_up: dict[str, list[dict[str, Any]]] = {
        "areas": [event(f"{area} {n}") for n in range(3 * AREAS)],
        "modes": [event(area, f"u{n}", mode=f"m{n}") for n in range(3 * MODES)],
        "sessions": [event(area) | {"user_id": user, "multiplayer_mode": f"m{n}"} for n in range(3 * SESSIONS)],
    }
    sessions = [event(f"{area} {n}", mode=f"m{m}") | {"user_id": user} for n in range(SESSIONS) for m in range(MODES)]
    for events in (*made_up.values(), sessions):
        for _ in range(2):
            assert taken(http, events, params={"on_invalid": "skip"})["errors"]
            refused = http.post("/events", json=events)
            assert refused.status_code == 422
            assert refused.json()["code"].startswith("too_many_")
    with redis.Redis.from_url(limited.run["redis_url"]) as store:
        assert store.scard("{0}:areas") == int(store.get("{0}:new_areas")) == NEW_AREAS
        assert store.zcard(f"{{0}}:area:{area}") == MODES
        assert store.zcard(f"{{0}}:user:{user}") == SESSIONS
    assert {"multiplayer_mode": "duel", "count": 1} in stats(http, area)[area]
    assert taken(http, [event(area, "another")])["applied"] == 1


@pytest.fixture
def many(limited: Stack, names: list[str]) -> Iterator[int]:
    """So many modes in an area, and so many areas as well; more than an answer has as a rule."""
    number, area = 1001, names[0]
    areas = {f"{area} {n}": 1000 + n for n in range(number)}
    with redis.Redis.from_url(limited.run["redis_url"]) as store, store.pipeline() as pipeline:
        store.zadd(f"{{0}}:area:{area}", {f"mode {n}": n + 1 for n in range(number)})
        store.zadd("{0}:area_players", areas)
        for name in areas:
            pipeline.zadd(f"{{0}}:area:{name}", {"duel": 1})
        pipeline.execute()
        yield number
        store.zrem("{0}:area_players", *areas)


def test_answers_have_a_thousand_rows_unless_asked_for_more(
    limited: Stack, http: httpx2.Client, names: list[str], many: int
) -> None:
    area = names[0]
    with listening(limited.url, area) as stream, listening(limited.url, area, limit=many) as longer:
        found = [stats(http, area), stream.next().data, http.get(f"/stats?area_code={area}&limit={many}").json()]
        found.append(longer.next().data)
    assert [len(one[area]) for one in found] == [1000, 1000, many, many]
    page = http.get("/areas").json()
    assert (len(page["areas"]), page["next_offset"]) == (1000, 1000)
    assert page["total"] >= many
    with listening(limited.url, "*") as stream, listening(limited.url, "*", limit=many) as longer:
        assert [len(one.next().data["areas"]) for one in (stream, longer)] == [1000, many]


def test_generated_events_keep_to_the_limits(http: httpx2.Client, names: list[str]) -> None:
    body = {"events": 5000, "areas": 100, "modes": 20, "users": 10, "seed": 1}
    generated = http.post("/generate_data", json=body).raise_for_status().json()["cnt_records_generated"]
    assert 0 < generated < 5000


def test_areas_that_nobody_plays_in_leave_the_overview(http: httpx2.Client, names: list[str]) -> None:
    taken(http, [event(names[0])])
    eventually(lambda: names[0] in [area["area_code"] for area in http.get("/areas").json()["areas"]])
    taken(http, [event(names[0], name="LOGOUT")])
    eventually(lambda: names[0] not in [area["area_code"] for area in http.get("/areas").json()["areas"]])
