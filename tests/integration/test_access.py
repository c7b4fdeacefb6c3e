"""Every endpoint, with every kind of key."""

import itertools
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.routing import Route

from app.access.guard import Guard
from app.contract.api_key import Scope
from app.routes import routes
from app.settings import Settings
from tests.conftest import SAME_ON_EVERY_SERVER
from tests.http_client import event, problem
from tests.servers import Stack, eventually, modepulse, serving

OPEN = "open"
# method and path -> the scope it needs; every route of the service has its line.
TABLE: dict[tuple[str, str], str] = {
    ("GET", "/"): OPEN,
    ("POST", "/events"): "ingest",
    ("GET", "/stats"): "read",
    ("GET", "/stats/stream"): "read",
    ("GET", "/areas"): "read",
    ("GET", "/modes"): "read",
    ("GET", "/history"): "read",
    ("GET", "/history/top"): "read",
    ("GET", "/metrics"): "read",
    ("GET", "/events"): "audit",
    ("GET", "/users/{user_id:name}/sessions"): "audit",
    ("GET", "/users/{user_id:name}/history"): "audit",
    ("DELETE", "/users/{user_id:name}"): "admin",
    ("POST", "/generate_data"): "admin",
    ("POST", "/keys"): "admin",
    ("GET", "/keys"): "admin",
    ("DELETE", "/keys/{key_id}"): "admin",
    ("GET", "/login"): OPEN,
    ("POST", "/login"): OPEN,
    ("POST", "/logout"): OPEN,
    ("GET", "/healthz"): OPEN,
    ("GET", "/readyz"): OPEN,
    ("GET", "/docs"): OPEN,
    ("GET", "/openapi.json"): OPEN,
    ("GET", "/static/{path:path}"): OPEN,
}
PUBLIC = {"/stats", "/stats/stream", "/areas", "/modes"}
NO_KEY = ("none", "wrong", "revoked", "expired", "in the query")
CASES = list(itertools.product(TABLE, (*NO_KEY, *Scope, "admin token")))
# Their requests below are good but for what they ask for.
GOOD = {("DELETE", "/keys/{key_id}"): 404, ("POST", "/keys"): 422, ("POST", "/login"): 400}
SLASHED = {path for _, path in TABLE} - {"/", "/static/{path:path}"}


class Keys:
    """A stack with a key of each kind."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.wrong = "mp_admin_abcdefghij_" + "W" * 40
        self.by_scope = {scope: self.make("--scope", scope) for scope in Scope}
        self.revoked = self.make("--scope", "admin")
        modepulse("keys", "revoke", self.revoked.split("_")[2], "--data-dir", str(stack.directory)).check_returncode()
        self.expired = self.make("--scope", "admin", "--expires", "2990-01-01")
        self.expire()
        eventually(lambda: self._code(self.revoked) == "revoked_key" and self._code(self.expired) == "expired_key")

    def make(self, *arguments: str) -> str:
        done = modepulse("keys", "create", "a test's", *arguments, "--data-dir", str(self.stack.directory))
        done.check_returncode()
        return done.stdout.strip()

    def expire(self) -> None:
        """Puts the key's end into the past: nobody waits for it."""
        import redis

        with redis.Redis.from_url(self.stack.run["redis_url"]) as client:
            identity = self.expired.split("_")[2]
            kept: Any = client.hget("{0}:keys", identity)
            client.hset("{0}:keys", identity, re.sub(rb'"expires_at":[0-9.]+', b'"expires_at":%d' % time.time(), kept))

    def _code(self, text: str) -> str:
        answer = httpx2.get(f"{self.stack.url}/areas", headers={"X-API-Key": text})
        return str(answer.json().get("code"))

    def of(self, kind: str) -> str | None:
        named = {"wrong": self.wrong, "revoked": self.revoked, "expired": self.expired, "none": None}
        named |= {"admin token": self.stack.admin_token, "in the query": self.by_scope[Scope.ADMIN]}
        return named[kind] if kind in named else self.by_scope[Scope(kind)]


@pytest.fixture(scope="module")
def keys(redis_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    with Stack(tmp_path_factory.mktemp("access") / redis_name, wrong_keys_per_minute="100000") as stack:
        yield Keys(stack)


# What makes a request to the route good but for its key.
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/events"): [event(1)],
    ("POST", "/generate_data"): {"events": 1},
    ("POST", "/keys"): {},
}
WITH_AREA = ("/stats", "/stats/stream", "/history", "/history/top")


def ask(url: str, route: tuple[str, str], headers: dict[str, str], query: str = "", slash: str = "") -> httpx2.Response:
    """A good request to a route; of a stream only the start is read."""
    method, path = route
    filled = re.sub(r"\{\w+(:path)?\}", "icon.svg" if path.startswith("/static") else "somebody", path)
    parameters = "&".join(filter(None, ["area_code=111" if path in WITH_AREA else "", query]))
    address = f"{url}{filled}{slash}" + (f"?{parameters}" if parameters else "")
    with httpx2.stream(method, address, headers=headers, json=BODIES.get(route), timeout=30) as answer:
        if answer.headers.get("content-type") != "text/event-stream":
            answer.read()
        return answer


def expected(kind: str, needs: str) -> tuple[int, str | None]:
    """(status of a refusal, its code); (200, None) for who is let in."""
    if kind == "in the query":
        return 422, "key_in_query"
    if needs == OPEN or kind in (needs, "admin", "admin token"):
        return 200, None
    codes = {"none": "key_required", "wrong": "invalid_key", "revoked": "revoked_key", "expired": "expired_key"}
    return (401, codes[kind]) if kind in codes else (403, "insufficient_scope")


def test_every_route_is_guarded_and_has_its_line() -> None:
    found = {}
    for route in routes(Settings()):
        assert isinstance(route, Route)
        assert isinstance(route.endpoint, Guard), f"{route.path} is not guarded"
        for method in (route.methods or set()) - {"HEAD"}:
            path = route.path if route.path == "/" else route.path.rstrip("/")
            found[method, path] = route.endpoint.need.scope or OPEN
    assert found == TABLE


@SAME_ON_EVERY_SERVER
@pytest.mark.parametrize(("route", "kind"), CASES, ids=[f"{' '.join(route)} {kind}" for route, kind in CASES])
def test_status_of_every_route_with_every_key(keys: Keys, route: tuple[str, str], kind: str) -> None:
    method, path = route
    text = keys.of(kind)
    status, code = expected(kind, TABLE[route])
    sent = [({"Authorization": f"Bearer {text}"}, ""), ({"X-API-Key": text or ""}, "")]
    if kind == "none":
        sent = [({}, "")]
    elif kind == "in the query":
        sent = [({}, f"api_key={text}"), ({"X-API-Key": text or ""}, f"area={text}")]
    for (headers, query), slash in zip(sent, ("", "/" if path in SLASHED else ""), strict=False):
        answer = ask(keys.stack.url, route, headers, query, slash)
        if code is None:
            assert answer.status_code == GOOD.get(route, status), answer.text
        else:
            assert problem(answer, status)["code"] == code
            assert text is None or text not in answer.text
            assert ("www-authenticate" in answer.headers) == (status in (401, 403))
        if method == "GET":
            assert httpx2.head(answer.request.url, headers=headers).status_code == answer.status_code


@SAME_ON_EVERY_SERVER
def test_table_is_the_same_with_public_reads_but_for_the_live_counters(keys: Keys) -> None:
    with serving(
        redis_url=keys.stack.run["redis_url"], postgres_dsn=keys.stack.run["postgres_dsn"], public_reads="true"
    ) as url:
        for route, needs in TABLE.items():
            answer = ask(url, route, {})
            assert (answer.status_code == 401) == (needs != OPEN and route[1] not in PUBLIC), route


@SAME_ON_EVERY_SERVER
def test_no_key_is_in_any_log_or_store(keys: Keys) -> None:
    texts = [*keys.by_scope.values(), keys.revoked, keys.expired, keys.wrong]
    logs = [keys.stack.directory.parent / f"{keys.stack.directory.name}.log"]
    files = [path for path in keys.stack.directory.rglob("*") if path.is_file() and path.name != "admin_token"]
    for path in (*logs, *files):
        content = path.read_bytes()
        for text in texts:
            assert text.rpartition("_")[2].encode() not in content, path
    assert '"action":"wrong_key"' in Path(logs[0]).read_text()
