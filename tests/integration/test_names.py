"""Odd names, legal all the same: each is counted, shown, archived and erased as it was sent."""

import csv
import http.client
import io
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tests.bad_input.queries import LISTS
from tests.conftest import SAME_ON_EVERY_SERVER
from tests.http_client import event, post, ranking, stats
from tests.servers import Stack, eventually, modepulse

pytestmark = SAME_ON_EVERY_SERVER

NAMES = [
    "a/b", "/", "//", "ann/sessions", "sessions", "history", ".", "..", "../..", "%2F", "%", "100%", "%41", "a b", " ",
    "a+b", "a?b=c#d", "a&area_code=1", ";", "\\", "'; --", "{0}:areas", "*", "007", "-0", "1e5", "=1+1", "NaN", "null",
    "日本 🎮", "Zu\u0308rich", "Zürich", "\u2028", "\u202etxt", "\u00a0", "\ufeff", "\uffff", "\ufffd", "x" * 255,
    "\U0010ffff" * 255,
]  # fmt: skip


def call(stack: Stack, method: str, path: str) -> Any:
    """The path goes over the wire as it is: httpx2 would resolve its dots."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=30)
    try:
        connection.request(method, path, headers=stack.admin)
        return httpx2.Response(200, content=connection.getresponse().read()).json()
    finally:
        connection.close()


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[1:-1][:20] for name in NAMES])
def test_a_name_goes_all_the_way(stack: Stack, http: httpx2.Client, area: int, name: str, slash: str) -> None:
    sent = {"area_code": area, "multiplayer_mode": name, "user_id": name, "events_name": "LOGIN"}
    assert http.post("/events" + slash, json=[sent, sent | {"user_id": "bob"}]).json()["applied"] == 2
    path = "/users/" + quote(name, safe="")
    assert stats(http, area) == {str(area): [{"multiplayer_mode": name, "count": 2}]}
    shown = [s for s in call(stack, "GET", f"{path}/sessions{slash}")["sessions"] if s["area_code"] == str(area)]
    assert [session["multiplayer_mode"] for session in shown] == [name]

    asked: dict[str, Any] = {"area_code": area, "user_id": name, "multiplayer_mode": name}
    (item,) = eventually(lambda: http.get("/events", params=asked).json()["items"])
    assert (item["user_id"], item["multiplayer_mode"]) == (name, name)
    assert list(http.get("/history", params={"area_code": area}).json()["series"]) == [name]
    header, *rows = csv.reader(io.StringIO(http.get("/events", params=asked | {"format": "csv"}).text, newline=""))
    assert [dict(zip(header, row, strict=True))["user_id"] for row in rows] == [name]
    past = call(stack, "GET", f"{path}/history{slash}")["sessions"]
    assert {"from", "to"} <= past[0].keys()

    active = call(stack, "GET", f"{path}/sessions{slash}")["sessions"]
    assert call(stack, "DELETE", path + slash)["sessions_ended"] == len(active)
    assert stats(http, area) == {str(area): [{"multiplayer_mode": name, "count": 1}]}, "of the others nobody"
    assert http.get("/events", params=asked).json()["items"] == []


@pytest.mark.parametrize("name", ["Zürich/ *", "日本 🎮", "\u2028", "%", "\U0010ffff" * 255])
def test_a_name_of_an_area_goes_all_the_way(http: httpx2.Client, area: int, name: str) -> None:
    name = f"{name[:240]}{area}"
    sent = {"area_code": name, "multiplayer_mode": "duel", "user_id": "u", "events_name": "LOGIN"}
    assert http.post("/events", json=sent).json()["applied"] == 1
    assert stats(http, name) == {name: ranking(duel=1)}
    (item,) = eventually(lambda: http.get("/events", params={"area_code": name}).json()["items"])
    assert item["area_code"] == name
    assert http.get("/history", params={"area_code": name}).json()["area_code"] == name
    assert eventually(lambda: name in [a["area_code"] for a in http.get("/areas").json()["areas"]])
    assert http.post("/events", json=sent | {"events_name": "LOGOUT"}).json()["applied"] == 1


def test_an_area_that_looks_like_several_is_taken_and_found_in_the_audit(own_stack: Stack) -> None:
    """GET /stats refuses it: there it is a list, by somebody who does not know how a parameter is repeated."""
    names = [*LISTS[:3], "*"]
    with own_stack as stack, httpx2.Client(base_url=stack.url, timeout=10) as http:
        post(http, *(event(name) for name in names))
        assert sorted(a["area_code"] for a in http.get("/areas").json()["areas"]) == sorted(names)
        for name in names:
            assert http.get("/stats", params={"area_code": name}).status_code == 422
            (item,) = eventually(lambda name=name: http.get("/events", params={"area_code": name}).json()["items"])
            assert item["area_code"] == name
            assert list(http.get("/history", params={"area_code": name}).json()["series"]) == ["duel"]


@pytest.mark.parametrize("user", [".", "..", "a/../b", "ann\n", "\udcff"])
def test_the_command_erases_who_was_named_or_says_why_not(
    stack: Stack, http: httpx2.Client, area: int, user: str
) -> None:
    sent = {"area_code": area, "multiplayer_mode": "duel", "user_id": user, "events_name": "LOGIN"}
    legal = user.isprintable()
    if legal:
        assert http.post("/events", json=sent).json()["applied"] == 1
    done = modepulse("erase", user, "--data-dir", str(stack.directory))
    if legal:
        assert done.stdout.startswith("1 sessions ended"), done.stderr
    else:
        assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1), done.stderr


def test_numbers_are_read_whatever_their_length(http: httpx2.Client, area: int) -> None:
    post(http, *(event(area, mode=mode) for mode in ("a", "b", "c")))
    for number, found in (("1", 1), ("0000000000000000000000002", 2), ("0" * 5000 + "1", 1), ("1000000", 3)):
        assert len(stats(http, area, limit=number)[str(area)]) == found
    eventually(lambda: len(http.get("/events", params={"area_code": area}).json()["items"]) == 3)
    for number, found in (("01", 1), ("0" * 5000 + "2", 2), ("0001000", 3)):
        read = http.get(f"/events?area_code={area}&limit={number}").json()
        assert len(read["items"]) == found
        assert (read["next_cursor"] is None) == (found == 3)
    assert http.get(f"/history?area_code={area}&step={'0' * 5000}60").json()["step"] == 60


def test_cursors_are_good_for_every_process_and_after_a_restart(own_stack: Stack) -> None:
    with own_stack as stack:
        with httpx2.Client(base_url=stack.url, timeout=10) as http:
            post(http, *(event(1, user) for user in "abc"))

        def page(**params: Any) -> Any:
            return (
                httpx2.get(stack.url + "/events", params={"limit": 1, **params}, timeout=10).raise_for_status().json()
            )

        eventually(lambda: len(page(limit=1000)["items"]) == 3)
        first = page()
        before = page(cursor=first["next_cursor"])
        stack.kill("api")
        after = eventually(lambda: _or_none(lambda: page(cursor=first["next_cursor"])))
        assert after == before
        assert len({first["next_cursor"], before["next_cursor"]}) == 2


def _or_none(read: Any) -> Any:
    try:
        return read()
    except httpx2.TransportError:
        return None
