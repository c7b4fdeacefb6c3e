"""The audit trail as Postgres has it: who read, exported and erased, and never whom that erased."""

import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.conftest import SAME_ON_EVERY_SERVER
from tests.faults.load import wait_until_archived
from tests.http_client import event, post, problem
from tests.postgres import query
from tests.servers import Stack, eventually

pytestmark = SAME_ON_EVERY_SERVER

OF_SUBJECT = "SELECT * FROM access_log WHERE subject = access_subject($1) ORDER BY at"
NEWEST = "SELECT * FROM access_log WHERE route = $1 AND status = $2 ORDER BY at DESC LIMIT 1"


def newest(stack: Stack, route: str, status: int = 200) -> dict[str, Any]:
    return dict(eventually(lambda: query(stack, NEWEST, route, status))[0])


def about(stack: Stack, user: str, count: int) -> list[dict[str, Any]]:
    """The entries about a user, once there are so many."""
    found = eventually(lambda: len(rows := query(stack, OF_SUBJECT, user)) >= count and rows)
    return [dict(row) for row in found]


def test_reads_of_a_user_are_found_by_the_name_that_is_not_stored(stack: Stack, http: httpx2.Client, area: int) -> None:
    post(http, event(area, "ann"), event(area, "ann", "LOGOUT"), event(area, "bob"))
    wait_until_archived(stack)
    ann = f"ann@{area}"
    begun = datetime.now(UTC)
    http.get(f"/users/{ann}/sessions/").raise_for_status()
    http.get(f"/users/{ann}/history?limit=1").raise_for_status()
    http.get(f"/events?user_id={ann}&order=asc&limit=1").raise_for_status()
    http.get(f"/events?user_id={ann}&format=NDJSON").raise_for_status()
    sessions, history, events, export = about(stack, ann, 4)
    for entry in (sessions, history, events, export):
        assert begun <= entry["at"] <= datetime.now(UTC)
        assert (entry["address"], entry["key_id"], entry["status"]) == ("127.0.0.1", "", 200)
        assert entry["key_name"] == "anonymous"
        assert entry["milliseconds"] > 0
        assert ann not in str(entry)
    assert (sessions["action"], sessions["route"]) == ("read", "GET /users/{user_id}/sessions")
    assert (sessions["row_count"], history["row_count"], events["row_count"], export["row_count"]) == (0, 1, 1, 2)
    assert history["filters"] == ["limit"]
    assert events["filters"] == ["limit", "order", "user_id"]
    assert (events["action"], events["format"]) == ("read", None)
    assert (export["action"], export["format"]) == ("export", "ndjson")
    assert query(stack, OF_SUBJECT, f"bob@{area}") == []


def test_the_digest_is_an_hmac_of_the_name(stack: Stack) -> None:
    (pads,) = query(stack, "SELECT * FROM access_secret")
    key = bytes(byte ^ 0x36 for byte in pads["inner_pad"])
    assert bytes(byte ^ 0x5C for byte in pads["outer_pad"]) == key
    assert len(key) == 64
    assert key[:32] != bytes(32) == key[32:]
    for user in ("ann", "Jörg 名前", "x" * 255):
        (row,) = query(stack, "SELECT access_subject($1) AS subject", user)
        assert row["subject"] == hmac.digest(key[:32], user.encode(), "sha256")


def test_what_a_client_invents_is_not_recorded(stack: Stack, http: httpx2.Client, area: int) -> None:
    ann = f"ann-{area}"
    problem(http.get(f"/events?{ann}={ann}&order={ann}"), 422)
    problem(http.get(f"/events?user_id={ann}%00"), 422)
    problem(http.get(f"/users/{ann}%7C/history?format={ann}"), 422)
    assert newest(stack, "GET /users/{user_id}/history", 422)["filters"] == []
    assert newest(stack, "GET /events", 422)["filters"] == ["user_id"]
    everything = query(stack, "SELECT * FROM access_log WHERE status = 422")
    assert ann not in str([dict(row) for row in everything])


def test_refused_attempts_of_an_admin_are_recorded(stack: Stack, http: httpx2.Client, area: int) -> None:
    http.delete(f"/users/ann-{area}", headers={"Authorization": f"Bearer wrong-{area}"})
    entry = newest(stack, "DELETE /users/{user_id}", 401)
    assert (entry["action"], entry["key_name"], entry["subject"], entry["row_count"]) == (
        *("erase", "anonymous"),
        *(None, None),
    )
    assert str(area) not in str(entry)


def test_an_erasure_is_recorded_without_its_name_and_clears_the_digest(
    stack: Stack, http: httpx2.Client, area: int
) -> None:
    ann = f"ann@{area}"
    post(http, event(area, "ann"))
    wait_until_archived(stack)
    http.get(f"/users/{ann}/history").raise_for_status()
    http.delete(f"/users/{ann}", headers=stack.admin, timeout=30).raise_for_status()
    read = newest(stack, "GET /users/{user_id}/history")
    assert (read["row_count"], read["subject"]) == (1, None), "that somebody was looked at stays"
    assert query(stack, OF_SUBJECT, ann) == []
    entry = newest(stack, "DELETE /users/{user_id}")
    assert (entry["action"], entry["row_count"], entry["subject"]) == ("erase", 2, None)
    assert (entry["key_id"], entry["key_name"]) == ("admin", "admin token")
    assert ann not in str(entry)


def test_nothing_is_erased_where_it_cannot_be_recorded(own_stack: Stack) -> None:
    with own_stack as stack, httpx2.Client(base_url=stack.url, timeout=30) as http:
        post(http, event(1, "ann"))
        wait_until_archived(stack)
        query(stack, "ALTER TABLE access_log ADD CONSTRAINT full_disk CHECK (action <> 'erase')")
        problem(http.delete("/users/ann@1", headers=stack.admin), 503)
        assert query(stack, "SELECT FROM area_mode_events WHERE user_id = 'ann@1'")
        query(stack, "ALTER TABLE access_log DROP CONSTRAINT full_disk")
        assert http.delete("/users/ann@1", headers=stack.admin).json()["events_erased"] == 2
        statuses = "SELECT status FROM access_log WHERE action = 'erase' ORDER BY at"
        eventually(lambda: [row["status"] for row in query(stack, statuses)] == [503, 200])


def test_no_request_waits_for_the_trail_and_a_stop_writes_it(own_stack: Stack, tmp_path: Path) -> None:
    with own_stack as stack, httpx2.Client(base_url=stack.url, timeout=30) as http:
        post(http, event(1))
        wait_until_archived(stack)
        query(stack, "ALTER TABLE access_log RENAME TO hidden")
        for _ in range(20):
            http.get("/users/ann/sessions").raise_for_status()
        log = tmp_path / "data.log"
        eventually(lambda: "The audit trail cannot be written" in log.read_text())
        query(stack, "ALTER TABLE hidden RENAME TO access_log")
        http.get("/users/ann/sessions").raise_for_status()
        eventually(lambda: len(query(stack, OF_SUBJECT, "ann")) == 21)
        http.get("/users/ann/sessions").raise_for_status()
        stack.stop()
    lines = [json.loads(line) for line in log.read_text().splitlines() if '"action":"access"' in line]
    uses = [line for line in lines if line["message"] == "A recorded route was used"]
    assert len(uses) == 22
    assert {line["route"] for line in uses} == {"GET /users/{user_id}/sessions"}
    assert not any("ann" in str(line) for line in uses)
    with stack:
        assert len(query(stack, OF_SUBJECT, "ann")) == 22


@pytest.mark.parametrize("path", ["/stats?area_code=1", "/areas", "/modes", "/history?area_code=1", "/readyz"])
def test_other_reads_are_not_recorded(stack: Stack, http: httpx2.Client, path: str) -> None:
    http.get(path).raise_for_status()
    http.get("/users/nobody/sessions").raise_for_status()
    newest(stack, "GET /users/{user_id}/sessions")
    assert query(stack, "SELECT FROM access_log WHERE route = $1", f"GET {path.partition('?')[0]}") == []


def test_keys_are_named_by_what_they_did_and_what_was_done_to_them(own_stack: Stack) -> None:
    with own_stack as stack, httpx2.Client(base_url=stack.url, timeout=30) as http:
        made = {
            scope: http.post("/keys", json={"name": f"a key to {scope}", "scopes": [scope]}, headers=stack.admin).json()
            for scope in ("audit", "ingest")
        }
        audit, ingest = made["audit"], made["ingest"]
        http.get("/events", headers={"X-API-Key": audit["key"]}).raise_for_status()
        problem(http.get("/events", headers={"X-API-Key": ingest["key"]}), 403)
        problem(http.get("/keys", headers={"X-API-Key": audit["key"]}), 403)
        problem(http.get("/events"), 401)
        http.delete(f"/keys/{audit['id']}", headers=stack.admin).raise_for_status()
        problem(http.delete("/keys/ann", headers=stack.admin), 404)
        admin, nobody = ("admin", "admin token"), ("", "anonymous")
        asked = "SELECT action, status, key_id, key_name, target FROM access_log ORDER BY at"
        entries = eventually(lambda: len(rows := query(stack, asked)) == 8 and [tuple(row) for row in rows])
        assert entries == [
            ("create_key", 201, *admin, audit["id"]),
            ("create_key", 201, *admin, ingest["id"]),
            ("read", 200, audit["id"], audit["name"], None),
            ("read", 403, ingest["id"], ingest["name"], None),
            ("list_keys", 403, audit["id"], audit["name"], None),
            ("read", 401, *nobody, None),
            ("revoke_key", 200, *admin, audit["id"]),
            ("revoke_key", 404, *admin, None),
        ]
        everything = str([dict(row) for row in query(stack, "SELECT * FROM access_log")])
        assert audit["key"] not in everything
        assert audit["key"] not in (stack.directory.parent / "data.log").read_text()
