"""The document beside the running service: what is asked and answered is what it says."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest
import redis

from app.openapi import document
from tests.conftest import SAME_ON_EVERY_SERVER
from tests.http_client import event
from tests.servers import Stack, eventually
from tests.sse_client import listening

pytestmark = SAME_ON_EVERY_SERVER


HERE = Path(__file__).parent
DOCUMENT: dict[str, Any] = json.loads(document())
GETS = {path: methods["get"] for path, methods in DOCUMENT["paths"].items() if "get" in methods}
# What each parameter cannot be.
WRONG = {
    "limit": "0", "offset": "-1", "from": "yesterday", "to": "tomorrow", "cursor": "x", "step": "61", "peak": "maybe",
    "order": "up", "format": "xml", "events_name": "JOIN", "outcome": "lost", "area_code": "",
    "multiplayer_mode": "|", "user_id": "",
}  # fmt: skip


def address(path: str) -> str:
    return path.replace("{user_id}", "ann").replace("{path}", "icon.svg").replace("{key_id}", "k3v0s8wq1x")


def parameters(path: str) -> list[dict[str, Any]]:
    return [parameter for parameter in GETS[path].get("parameters", ()) if parameter["in"] == "query"]


def needed(path: str) -> dict[str, str]:
    return {parameter["name"]: "111" for parameter in parameters(path) if parameter.get("required")}


def test_document_is_served(http: httpx2.Client) -> None:
    assert http.get("/openapi.json").content == document()


@pytest.mark.parametrize("path", [path for path in GETS if parameters(path)])
def test_every_documented_parameter_is_read(http: httpx2.Client, path: str) -> None:
    for parameter in parameters(path):
        name = parameter["name"]
        answer = http.get(address(path), params=needed(path) | {name: WRONG[name]})
        assert answer.status_code in (400, 422), (name, answer.text)
        assert [fault["loc"] for fault in answer.json()["errors"]] == [["query", name]]


@pytest.mark.parametrize("path", [path for path in GETS if parameters(path) and path != "/stats"])
def test_parameters_are_those_documented(http: httpx2.Client, path: str) -> None:
    """A misspelt parameter is refused with the names of the others; GET /stats ignores it, as it always did."""
    (fault,) = http.get(address(path), params=needed(path) | {"are_code": "1"}).json()["errors"]
    assert fault["code"] == "unknown_parameter"
    named = fault["message"].removeprefix("the parameters here are ").split(", ")
    assert set(named) == {parameter["name"] for parameter in parameters(path)}


def test_on_invalid_is_read(http: httpx2.Client) -> None:
    for query in ("on_invalid=maybe", "on_invalid=skip&on_invalid=reject"):
        answer = http.post(f"/events?{query}", json=event(1))
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["loc"] == ["query", "on_invalid"]


def test_parameters_that_are_not_read_are_ignored(http: httpx2.Client) -> None:
    assert http.post("/events?%C3%95=1&on_invalid=skip&%00=%00", json=[]).status_code == 200


class Seen:
    """Answers, each compared with its schema; the properties that occurred."""

    def __init__(self) -> None:
        self.properties: dict[str, set[str]] = {}

    def note(self, answer: httpx2.Response, name: str) -> None:
        self.note_read(answer.json(), name)

    def note_read(self, read: dict[str, Any], name: str) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
        jsonschema.validate(read, schema)
        self.properties.setdefault(name, set()).update(read)


def test_answers_have_the_documented_fields_and_no_others(stack: Stack, http: httpx2.Client, area: int) -> None:
    seen = Seen()
    good, bad = event(area), event(area, name="JOIN")
    seen.note(http.post("/events", json={"items": [good]}), "Taken")
    seen.note(http.post("/events?on_invalid=skip", json=[bad, event(area, "u2")]), "Taken")
    seen.note(http.post("/events", json=[bad] * 100), "Problem")
    seen.note(http.get("/stats", params={"area_code": area}), "Stats")
    for listened, name in ((area, "Stats"), ("*", "Overview")):
        with listening(stack.url, listened) as stream:
            frame = stream.next()
            event_sent = {"id": frame.identity, "event": frame.kind, "data": json.dumps(frame.data)}
            seen.note_read(event_sent, "StreamEvent")
            seen.note_read(frame.data, name)
    seen.note(http.get("/areas"), "Areas")
    seen.note(http.get("/modes"), "Modes")
    seen.note(http.post("/generate_data", json={"events": 3}), "Generated")
    seen.note(http.get(f"/users/u1@{area}/sessions"), "UserSessions")
    seen.note(http.get("/healthz"), "Health")
    seen.note(http.post("/events", json=event(area, name="LOGOUT")), "Taken")
    eventually(lambda: len(http.get("/events", params={"area_code": area}).json()["items"]) == 3)
    seen.note(http.get("/events", params={"area_code": area, "limit": 2}), "AuditPage")
    seen.note(http.get("/history", params={"area_code": area}), "History")
    seen.note(http.get("/history/top", params={"area_code": area}), "Top")
    seen.note(http.get(f"/users/u1@{area}/history"), "UserHistory")
    seen.note(http.delete(f"/users/u1@{area}", headers=stack.admin), "Erased")
    seen.note(http.get("/readyz"), "Ready")
    seen.note(http.get("/keys", headers=stack.admin), "Keys")
    store: Any = redis.Redis.from_url(stack.run["redis_url"])
    try:
        store.config_set("appendfsync", "everysec")
        eventually(lambda: http.get("/readyz").json()["durability"] == "degraded")
        seen.note(http.get("/readyz"), "Ready")
    finally:
        store.config_set("appendfsync", "always")
        store.close()
    eventually(lambda: http.get("/readyz").json()["durability"] == "full")
    for name, properties in seen.properties.items():
        if name != "Stats":
            assert properties == set(DOCUMENT["components"]["schemas"][name]["properties"])


@pytest.fixture(scope="module")
def secured(redis_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """With keys on, and no limit to wrong ones: they are what is tried."""
    with Stack(tmp_path_factory.mktemp("secured") / redis_name, wrong_keys_per_minute="1000000") as stack:
        httpx2.post(f"{stack.url}/keys", json={"name": "x", "scopes": ["read"]}, headers=stack.admin).raise_for_status()
        yield stack


@pytest.mark.parametrize(
    "selection",
    [
        ["--exclude-path", "/stats/stream", "--exclude-path", "/generate_data"],
        # Its body may be left out; schemathesis takes a missing one for a wrong one.
        ["--include-path", "/generate_data", "--exclude-checks", "negative_data_rejection"],
    ],
    ids=["all", "generate_data"],
)
def test_service_stands_up_to_schemathesis(secured: Stack, selection: list[str], tmp_path: Path) -> None:
    """A thousand requests made from the document; each answer has a status and a form that it names, and none is a good
    one without a key where the document asks for one."""
    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"), "run", f"{secured.url}/openapi.json", *selection,
            "--checks", "all", "--max-examples", "30", "--generation-deterministic", "--no-color",
            "--header", f"Authorization: Bearer {secured.admin_token}",
        ],
        env=os.environ
        | {"SCHEMATHESIS_HOOKS": "tests.integration.schemathesis_hooks", "PYTHONPATH": str(HERE.parents[1])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
