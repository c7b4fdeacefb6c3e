"""The page's session, by HTTP: the cookie, what it opens, and what ends it."""

import re
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import redis

from app.contract.keys import SECRET
from tests.api_keys import Key, make_key
from tests.conftest import BINARIES, SAME_ON_EVERY_SERVER
from tests.http_client import event, problem
from tests.servers import Stack, eventually, ready

pytestmark = SAME_ON_EVERY_SERVER

HTTPS = {"X-Forwarded-Proto": "https"}


@pytest.fixture(scope="module")
def locked(redis_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """With keys on."""
    directory = tmp_path_factory.mktemp("locked") / "data"
    # Tests log in until a new key is known: as many wrong keys as they like are let pass.
    with Stack(
        directory,
        redis_server=str(BINARIES[redis_name]),
        trusted_proxies="127.0.0.1",
        allow_anonymous="true",  # until the first key is made
        wrong_keys_per_minute="1000000",
    ) as stack:
        make_key(stack, "first", "ingest")
        eventually(lambda: httpx2.get(stack.url + "/stats?area_code=1").status_code == 401)
        yield stack


@pytest.fixture(scope="module")
def reader(locked: Stack) -> Key:
    key = make_key(locked, "the studio's <b>dashboard</b>", "read", "audit")
    eventually(lambda: httpx2.get(locked.url + "/stats?area_code=1", headers=key.header).status_code == 200)
    return key


@pytest.fixture
def page(locked: Stack) -> Iterator[httpx2.Client]:
    """A client that keeps cookies, as a browser does."""
    with httpx2.Client(base_url=locked.url, timeout=10) as client:
        yield client


def log_in(page: httpx2.Client, key: Key) -> httpx2.Response:
    return page.post("/login", json={"key": key.text}).raise_for_status()


def refusal(answer: httpx2.Response) -> tuple[int, Any]:
    """(status, code)"""
    return answer.status_code, answer.json().get("code")


def test_without_keys_nobody_has_to_log_in(stack: Stack, http: httpx2.Client) -> None:
    assert http.get("/login").json() == {"required": False, "name": None, "scopes": [], "dev": True}
    assert refusal(http.post("/login", json={"key": "wrong"})) == (401, "invalid_key")
    answer = http.post("/login", json={"key": stack.admin_token}).json()
    assert answer["name"] == "MODEPULSE_ADMIN_TOKEN"
    assert answer["scopes"] == ["admin", "audit", "ingest", "read"]


def test_key_is_exchanged_for_a_cookie_that_holds_no_key(page: httpx2.Client, reader: Key) -> None:
    answer = log_in(page, reader)
    assert answer.json() == {"required": True, "name": reader.kept.name, "scopes": ["audit", "read"], "dev": True}
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    cookie = answer.headers["set-cookie"]
    assert re.fullmatch(
        rf"modepulse_session={reader.kept.id}\.\d+\.[\w-]{{43}}; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict",
        cookie,
    )
    assert reader.text.rpartition("_")[2] not in cookie
    assert page.post("/login", json={"key": reader.text}, headers=HTTPS).headers["set-cookie"].endswith("; Secure")


def test_cookie_opens_what_its_key_opens(locked: Stack, page: httpx2.Client, reader: Key) -> None:
    paths = ("/stats?area_code=1", "/areas", "/modes", "/history?area_code=1", "/events", "/users/ann/history")
    for path in paths:
        assert refusal(page.get(path)) == (401, "key_required")
    log_in(page, reader)
    for path in paths:
        assert page.get(path).status_code == 200
    assert refusal(page.post("/events", json=event(1))) == (403, "insufficient_scope")
    with page.stream("GET", "/stats/stream?area_code=1") as stream:
        assert stream.status_code == 200
    assert page.get("/login").json()["name"] == reader.kept.name


def test_form_is_as_good_as_json(page: httpx2.Client, reader: Key) -> None:
    assert page.post("/login", data={"key": reader.text}).json()["name"] == reader.kept.name


@pytest.mark.parametrize("site", ["https://evil.example", "null"])
def test_cookie_is_worth_nothing_on_other_pages(page: httpx2.Client, reader: Key, site: str) -> None:
    log_in(page, reader)
    for headers in ({"Origin": site}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        assert page.get("/events", headers=headers).status_code == 401
        assert page.get("/stats/stream?area_code=1", headers=headers).status_code == 403
        assert page.post("/login", json={"key": reader.text}, headers=headers).status_code == 403
        assert page.post("/logout", headers=headers).status_code == 403
        assert page.get("/events", headers=headers | reader.header).status_code == 200
    assert page.get("/login").json()["name"] == reader.kept.name


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"null", "application/json", 422),
        (b"[]", "application/json", 422),
        (b'"key"', "application/json", 422),
        (b"{}", "application/json", 422),
        (b'{"key": null}', "application/json", 422),
        (b'{"key": 1}', "application/json", 422),
        (b'{"key": ""}', "application/json", 422),
        (b'{"key": ["x"]}', "application/json", 422),
        (b'{"key": "\\u0000\\n\\u00fc"}', "application/json", 401),
        (b'{"key": "' + b"x" * 4000 + b'"}', "application/json", 401),
        (b'{"key": "' + b"x" * 70_000 + b'"}', "application/json", 413),
        (b"", "application/x-www-form-urlencoded", 422),
        (b"key", "application/x-www-form-urlencoded", 422),
        (b"key=", "application/x-www-form-urlencoded", 422),
        (b"key=a&key=b", "application/x-www-form-urlencoded", 422),
        (b"key=%ff", "application/x-www-form-urlencoded", 422),
        (b"key=\xff", "application/x-www-form-urlencoded", 422),
        (b"a=b&" * 900, "application/x-www-form-urlencoded", 422),
        (b"key=%C3%BC", "Application/X-WWW-Form-URLencoded; charset=utf-8", 401),
        (b"{}", "multipart/form-data; boundary=x", 422),
    ],
)
def test_bad_logins(page: httpx2.Client, body: bytes, kind: str, status: int) -> None:
    answer = page.post("/login", content=body, headers={"Content-Type": kind})
    problem(answer, status)
    assert "set-cookie" not in answer.headers


def test_keys_that_show_nothing_do_not_log_in(locked: Stack, page: httpx2.Client) -> None:
    ingest = make_key(locked, "game", "ingest")
    expired = make_key(locked, "old", "read", expires_at=time.time() - 1)
    revoked = make_key(locked, "lost", "read")
    revoked.revoke()
    refused = (
        (ingest, (403, "insufficient_scope")),
        (expired, (401, "expired_key")),
        (revoked, (401, "revoked_key")),
    )
    eventually(lambda: all(refusal(page.post("/login", json={"key": key.text})) == as_for for key, as_for in refused))
    assert not page.cookies


@pytest.mark.parametrize("cookie", ["x", "k3y.9999999999." + "A" * 43, "..", "a" * 8000, '"'])
def test_forged_cookies_are_as_none(page: httpx2.Client, cookie: str) -> None:
    answer = page.get("/events", headers={"Cookie": f"modepulse_session={cookie}"})
    assert refusal(answer) == (401, "key_required")


def test_logging_out_takes_the_cookie(page: httpx2.Client, reader: Key) -> None:
    log_in(page, reader)
    answer = page.post("/logout")
    assert answer.json() == {"required": True, "name": None, "scopes": [], "dev": True}
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert not page.cookies
    assert page.get("/events").status_code == 401
    assert page.post("/logout").status_code == 200


def test_session_ends_with_its_key_and_so_does_its_stream(locked: Stack, page: httpx2.Client) -> None:
    key = make_key(locked, "soon revoked", "read")
    eventually(lambda: page.post("/login", json={"key": key.text}).status_code == 200)
    session = f"modepulse_session={page.cookies['modepulse_session']}"
    with page.stream("GET", "/stats/stream?area_code=1") as stream:
        key.revoke()
        start = time.monotonic()
        for _ in stream.iter_bytes():
            pass
        assert time.monotonic() - start < 5
    assert refusal(page.get("/stats?area_code=1", headers={"Cookie": session})) == (401, "revoked_key")
    assert page.get("/login").json() == {"required": True, "name": None, "scopes": [], "dev": True}


def test_session_outlives_the_process_and_a_lost_secret(locked: Stack, page: httpx2.Client, reader: Key) -> None:
    log_in(page, reader)
    store: Any = redis.Redis.from_url(locked.run["redis_url"])
    secret = store.get(SECRET)
    assert len(secret) == 32
    assert store.delete(SECRET) == 1
    assert eventually(lambda: store.get(SECRET)) == secret
    store.close()
    locked.kill("api")
    eventually(lambda: ready(locked))
    assert eventually(lambda: page.get("/login").json()["name"]) == reader.kept.name


def test_other_secret_ends_all_sessions(locked: Stack, page: httpx2.Client, reader: Key) -> None:
    log_in(page, reader)
    store: Any = redis.Redis.from_url(locked.run["redis_url"])
    store.set(SECRET, b"x" * 32)
    store.close()
    eventually(lambda: page.get("/events").status_code == 401)
    log_in(page, reader)
    assert page.get("/events").status_code == 200
