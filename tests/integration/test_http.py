"""The HTTP contract, against the running service."""

import gzip
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.http_client import event, post, problem, ranking, stats


@pytest.mark.parametrize("slash", ["", "/"])
def test_events_are_counted_whatever_they_are_wrapped_in(http: httpx2.Client, area: int, slash: str) -> None:
    path = "/events" + slash
    lines = "\n".join(json.dumps(event(area, f"n{n}")) for n in range(3)) + "\n"
    answers = [
        http.post(path, json={"items": [event(area, "a"), event(area, "b")]}),
        http.post(path, json=event(str(area), "c")),
        http.post(path, json=[event(area, "d"), event(area, "d")]),
        http.post(path, content=lines, headers={"content-type": "application/x-ndjson"}),
        http.post(
            path,
            content=gzip.compress(json.dumps([event(area, "z")]).encode()),
            headers={"content-encoding": "gzip"},
        ),
        http.post(path, json={"items": []}),
    ]
    assert [answer.status_code for answer in answers] == [200] * 6
    assert [answer.json() for answer in answers] == [
        {"status": True, "accepted": accepted, "applied": applied}
        for accepted, applied in ((2, 2), (1, 1), (2, 1), (3, 3), (1, 1), (0, 0))
    ]
    assert http.get("/stats" + slash, params={"area_code": area}).json() == {
        str(area): [{"multiplayer_mode": "duel", "count": 8}]
    }


def test_stats_are_most_played_first_in_the_order_asked_for(http: httpx2.Client, area: int) -> None:
    other = area + 1_000_000
    for mode, players in (("few", 1), ("most", 3), ("some", 2)):
        http.post("/events", json=[event(area, f"{mode}{n}", mode=mode) for n in range(players)])
    assert stats(http, other, area) == {str(other): [], str(area): ranking(most=3, some=2, few=1)}
    assert list(stats(http, other, area)) == [str(other), str(area)]
    assert stats(http, area, limit=2) == {str(area): ranking(most=3, some=2)}


def test_items_are_applied_in_their_order(http: httpx2.Client, area: int) -> None:
    names = ["LOGIN", "LOGOUT", "login", "Logout", "hEaRtBeAt", "LOGOUT", "LOGIN"]
    answer = http.post("/events", json={"items": [event(area, name=name) for name in names]})
    assert answer.json() == {"status": True, "accepted": 7, "applied": 7}
    assert stats(http, area)[str(area)] == [{"multiplayer_mode": "duel", "count": 1}]


def test_stamped_events_converge_whatever_the_order(http: httpx2.Client, area: int) -> None:
    now = time.time()
    http.post("/events", json=event(area, name="LOGOUT", epoch_timestamp=now - 5))
    assert http.post("/events", json=event(area, epoch_timestamp=now - 10)).json()["applied"] == 0
    assert stats(http, area) == {str(area): []}
    assert http.post("/events", json=event(area, epoch_timestamp=now - 4.5)).json()["applied"] == 1


BAD_ITEMS: list[tuple[Any, str, str]] = [
    ({"area_code": None}, "area_code", "type"),
    ({"area_code": True}, "area_code", "type"),
    ({"area_code": 1.5}, "area_code", "type"),
    ({"area_code": "a|b"}, "area_code", "invalid_name"),
    ({"area_code": ""}, "area_code", "invalid_name"),
    ({"multiplayer_mode": "x" * 256}, "multiplayer_mode", "invalid_name"),
    ({"multiplayer_mode": 7}, "multiplayer_mode", "type"),
    ({"user_id": "nul\x00"}, "user_id", "invalid_name"),
    ({"user_id": "line\n"}, "user_id", "invalid_name"),
    ({"user_id": ["u"]}, "user_id", "type"),
    ({"events_name": "JOIN"}, "events_name", "unknown_event"),
    ({"events_name": {}}, "events_name", "type"),
    ({"epoch_timestamp": "1712395620"}, "epoch_timestamp", "type"),
    ({"epoch_timestamp": True}, "epoch_timestamp", "type"),
    ({"epoch_timestamp": -1}, "epoch_timestamp", "range"),
    ({"epoch_timestamp": 1e300}, "epoch_timestamp", "clock_skew"),
    ({"epoch_timestamp": 18446744073709551616}, "epoch_timestamp", "clock_skew"),
]


@pytest.mark.parametrize(("wrong", "field", "code"), BAD_ITEMS)
def test_bad_item_is_named_and_nothing_is_applied(
    http: httpx2.Client, area: int, wrong: Any, field: str, code: str
) -> None:
    items = [event(area, f"u{n}") for n in range(5)]
    items[3] |= wrong
    read = problem(http.post("/events/", json={"items": items}), 422)
    assert [(error["loc"], error["code"]) for error in read["errors"]] == [(["items", 3, field], code)]
    assert stats(http, area) == {str(area): []}
    # The same places in the other wrappings, and the rest applied where that is asked for.
    assert problem(http.post("/events", json=items), 422)["errors"][0]["loc"] == [3, field]
    assert problem(http.post("/events", json=items[3]), 422)["errors"][0]["loc"] == [field]
    skipped = http.post("/events?on_invalid=skip", json={"items": items}).json()
    assert (skipped["accepted"], skipped["applied"]) == (4, 4)
    assert [error["loc"] for error in skipped["errors"]] == [["items", 3, field]]


def test_all_faults_of_a_request_are_named(http: httpx2.Client, area: int) -> None:
    items = [{}, "text", event(area) | {"area_code": [], "user_id": ""}, event(area)]
    errors = problem(http.post("/events", json={"items": items}), 422)["errors"]
    assert [error["loc"] for error in errors] == [
        ["items", 0, "area_code"],
        ["items", 0, "multiplayer_mode"],
        ["items", 0, "user_id"],
        ["items", 0, "events_name"],
        ["items", 1],
        ["items", 2, "area_code"],
        ["items", 2, "user_id"],
    ]


def test_at_most_100_faults_are_named(http: httpx2.Client, area: int) -> None:
    """Of a request so large that it is validated in slices."""
    bad = event(area) | {"multiplayer_mode": "", "user_id": "", "events_name": ""}
    read = problem(http.post("/events", json=[bad] * 200), 422)
    assert [error["loc"][0] for error in read["errors"]] == [n // 3 for n in range(100)]
    assert "there may be more" in read["detail"]
    assert "detail" not in problem(http.post("/events", json=[bad]), 422)
    skipped = http.post("/events?on_invalid=skip", json=[*[bad] * 200, event(area)]).json()
    assert (skipped["accepted"], len(skipped["errors"])) == (1, 100)


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"content": b"{"}, 400, "invalid_json"),
        ({"content": b""}, 400, "invalid_json"),
        ({"content": b'{"items": [{"user_id": "\\ud800"}]}'}, 400, "invalid_json"),
        ({"content": b"[NaN]"}, 400, "invalid_json"),
        ({"content": b"[" * 2000}, 400, "invalid_json"),
        ({"content": b"[" * 1000 + b"]" * 1000}, 422, "invalid_events"),
        ({"content": b"7"}, 422, "invalid_events"),
        ({"json": {"items": {}}}, 422, "invalid_events"),
        ({"content": b"{}\n{", "headers": {"content-type": "application/x-ndjson"}}, 400, "invalid_json"),
        ({"content": b"not gzip", "headers": {"content-encoding": "gzip"}}, 400, "invalid_gzip"),
        (
            {"content": gzip.compress(b"[]")[:-3], "headers": {"content-encoding": "gzip"}},
            400,
            "invalid_gzip",
        ),
        ({"content": b"[]", "headers": {"content-encoding": "br"}}, 415, "unsupported_encoding"),
        ({"content": b" " * (16 * 1024 * 1024 + 1)}, 413, "body_too_large"),
        (
            {"content": gzip.compress(b" " * (17 * 1024 * 1024)), "headers": {"content-encoding": "gzip"}},
            413,
            "body_too_large",
        ),
        ({"json": [], "params": {"on_invalid": "ignore"}}, 422, "invalid_query"),
        ({"json": [], "headers": {"idempotency-key": "k" * 256}}, 422, "invalid_header"),
    ],
)
def test_unusable_request_is_a_clear_problem(http: httpx2.Client, request_: Any, status: int, code: str) -> None:
    assert problem(http.post("/events", **request_), status)["code"] == code


@pytest.mark.parametrize(
    ("query", "name", "code"),
    [
        ("", "area_code", "missing"),
        ("area_code=", "area_code", "invalid_name"),
        ("area_code=a%7Cb", "area_code", "invalid_name"),
        ("area_code=%00", "area_code", "invalid_name"),
        ("&".join(f"area_code={n}" for n in range(1001)), "area_code", "too_many"),
        ("area_code=1&limit=0", "limit", "range"),
        ("area_code=1&limit=x", "limit", "range"),
        ("area_code=1&limit=" + "0" * 18 + "199999999", "limit", "range"),
        ("area_code=1&limit=1&limit=2", "limit", "repeated"),
    ],
)
def test_bad_query_is_named(http: httpx2.Client, query: str, name: str, code: str) -> None:
    (fault,) = problem(http.get(f"/stats?{query}"), 422)["errors"]
    assert (fault["loc"], fault["code"]) == (["query", name], code)


def test_unknown_paths_and_methods_are_problems(http: httpx2.Client) -> None:
    assert problem(http.get("/nowhere"), 404)["code"] == "not_found"
    refused = http.put("/events")
    assert problem(refused, 405)["code"] == "method_not_allowed"
    assert refused.headers["allow"] == "GET, HEAD, POST"
    assert problem(http.post("/stats"), 405)["code"] == "method_not_allowed"


def test_names_of_any_script_survive_the_way_round(http: httpx2.Client) -> None:
    area, user, mode = "Zürich {0}: #?&", "u/1 日本", "co-op 🎮"
    sent = {"area_code": area, "multiplayer_mode": mode, "user_id": user, "events_name": "LOGIN"}
    assert http.post("/events", json=sent).json()["applied"] == 1
    assert stats(http, area) == {area: [{"multiplayer_mode": mode, "count": 1}]}
    read = http.get("/users/u%2F1%20%E6%97%A5%E6%9C%AC/sessions/").json()
    assert [(s["area_code"], s["multiplayer_mode"]) for s in read["sessions"]] == [(area, mode)]
    http.post("/events", json=sent | {"events_name": "LOGOUT"})


def test_user_s_sessions_are_the_active_ones(http: httpx2.Client, area: int) -> None:
    before = time.time()
    post(http, event(area), event(area, mode="ctf"), event(area, name="LOGOUT"))
    read = http.get(f"/users/u1@{area}/sessions").json()
    assert read["user_id"] == f"u1@{area}"
    assert [(s["area_code"], s["multiplayer_mode"]) for s in read["sessions"]] == [(str(area), "ctf")]
    assert before <= read["sessions"][0]["last_event"] <= time.time()
    assert http.get("/users/nobody/sessions").json() == {"user_id": "nobody", "sessions": []}


def test_idempotency_key_makes_a_repeated_request_answer_as_the_first(http: httpx2.Client, area: int) -> None:
    # Larger than one script call, so that its parts have to be found again as well.
    items = [event(area, f"u{n}") for n in range(450)] + [event(area, "u0", "LOGOUT")]
    headers = {"Idempotency-Key": f"key {area}"}
    first = http.post("/events", json={"items": items}, headers=headers)
    again = http.post("/events", json={"items": items}, headers=headers)
    assert first.json() == {"status": True, "accepted": 451, "applied": 451}
    assert again.content == first.content
    assert stats(http, area)[str(area)][0]["count"] == 449
    other = http.post("/events", json=event(area, "other"), headers=headers)
    read = problem(other, 422)
    assert read["code"] == "idempotency_key_reused"
    assert [fault["loc"] for fault in read["errors"]] == [["header", "Idempotency-Key"]]


def test_requests_with_one_key_at_the_same_time_apply_once(http: httpx2.Client, area: int) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda _: http.post("/events", json=event(area), headers={"Idempotency-Key": f"k{area}"}).content,
                range(24),
            )
        )
    assert set(answers) == {b'{"status":true,"accepted":1,"applied":1}'}


def test_concurrent_requests_are_each_counted_once(http: httpx2.Client, area: int) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: http.post("/events", json=event(area, f"u{n}")).json(), range(200)))
    assert answers == [{"status": True, "accepted": 1, "applied": 1}] * 200
    assert stats(http, area)[str(area)] == [{"multiplayer_mode": "duel", "count": 200}]


def test_health_and_readiness(http: httpx2.Client) -> None:
    assert http.get("/healthz/").json() == {"status": "ok"}
    assert http.get("/readyz").json() == {"status": "ready", "durability": "full"}
