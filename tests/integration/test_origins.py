"""Foreign hosts, foreign pages, proxies: what they may ask, byte by byte, on the running service."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.conftest import BINARIES, SAME_ON_EVERY_SERVER
from tests.http_client import PATHS, event, stats
from tests.raw_answer import RawAnswer, exchange
from tests.servers import Stack

pytestmark = SAME_ON_EVERY_SERVER

GAME = "https://game.example.com"
HOST = "stats.example.com"
# Of a page that is not ours.
FOREIGN = (
    "Origin: https://evil.example",
    *("Origin: null", "Origin:"),
    "Origin: http://127.0.0.1:1",
    "Origin: http://localhost",
    "Origin: https://evil.example\nOrigin: {own}",
    "Origin: {own}\nOrigin: {own}",
    *("Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Sec-Fetch-Site:"),
    "Sec-Fetch-Site: same-origin\nSec-Fetch-Site: cross-site",
    "Origin: https://evil.example\nSec-Fetch-Site: same-origin",
    "Origin: {own}\nSec-Fetch-Site: cross-site",
)


@pytest.fixture(scope="module")
def exposed(redis_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Behind a proxy, with pages of other origins."""
    with Stack(
        tmp_path_factory.mktemp("exposed") / "data",
        redis_server=str(BINARIES[redis_name]),
        cors_origins=f"{GAME}, http://localhost:3000",
        allowed_hosts=f"{HOST},*.games.example",
        root_path="/modepulse",
        trusted_proxies="127.0.0.0/8",
        allow_anonymous="true",
    ) as stack:
        yield stack


def ask(stack: Stack, line: str, *headers: str, host: str | None = None, body: str = "") -> RawAnswer:
    own = f"127.0.0.1:{stack.port}" if host is None else host
    lines = [f"{line} HTTP/1.1", f"Host: {own}", *(header.format(own=f"http://{own}") for header in headers)]
    length = [f"Content-Length: {len(body)}"] if body else []
    return exchange(
        stack.port, "\n".join([*lines, *length, "", ""]).encode("latin-1").replace(b"\n", b"\r\n") + body.encode()
    )


def code(answer: RawAnswer) -> str:
    return str(json.loads(answer.body)["code"])


def paths(method: str) -> list[str]:
    return [filled(path) for path, operations in PATHS.items() if method in operations]


def filled(template: str) -> str:
    """A path of this template."""
    return re.sub(r"\{\w+\}", "ann", template.replace("{path}", "main.js"))


# --- Pages of other origins ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", FOREIGN)
def test_foreign_page_writes_nothing(stack: Stack, http: httpx2.Client, area: int, header: str) -> None:
    body = json.dumps(event(area))
    for kind in ("text/plain", "application/json", "application/x-www-form-urlencoded"):
        answer = ask(stack, "POST /events", header, f"Content-Type: {kind}", body=body)
        assert (answer.status, code(answer)) == (403, "foreign_origin")
        assert answer.header("access-control-allow-origin") is None
    for method in ("post", "delete", "put", "patch", "options"):
        for path in paths(method) or ["/events"]:
            assert ask(stack, f"{method.upper()} {path}", header).status == 403
    assert stats(http, area) == {str(area): []}


def test_body_of_a_foreign_page_is_not_waited_for(stack: Stack) -> None:
    answer = ask(stack, "POST /events", "Origin: https://evil.example", "Content-Length: 1000000")
    assert (answer.status, code(answer)) == (403, "foreign_origin")
    assert answer.header("connection") == "close"


@pytest.mark.parametrize("header", FOREIGN)
def test_foreign_page_reads_nothing(stack: Stack, area: int, header: str) -> None:
    answer = ask(stack, f"GET /stats?area_code={area}", header)
    assert answer.status == 200
    assert answer.header("access-control-allow-origin") is None
    for path in ("/stats/stream", "/stats/stream/", "/%73tats/stream"):
        answer = ask(stack, f"GET {path}?area_code={area}", header)
        assert (answer.status, code(answer)) == (403, "foreign_origin")


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["Origin: {own}"],
        ["Origin: {own}", "Sec-Fetch-Site: same-origin"],
        ["Sec-Fetch-Site: none"],
        ["Sec-Fetch-Site: same-origin"],
    ],
)
def test_own_page_and_programs_write(stack: Stack, area: int, headers: list[str]) -> None:
    answer = ask(stack, "POST /events", *headers, body=json.dumps(event(area)))
    assert json.loads(answer.body) == {"status": True, "accepted": 1, "applied": 1}


# --- Permitted ones ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "/modepulse"])
def test_preflight_is_answered_on_every_path_with_its_methods(exposed: Stack, prefix: str) -> None:
    for template, operations in PATHS.items():
        if template in ("/login", "/logout"):
            continue
        methods = {name.upper() for name in operations} | ({"HEAD"} if "get" in operations else set())
        answer = ask(
            exposed,
            f"OPTIONS {prefix}{filled(template)}",
            f"Origin: {GAME}",
            "Access-Control-Request-Method: POST",
            "Access-Control-Request-Headers: content-type,authorization",
            host=HOST,
        )
        assert (answer.status, answer.body) == (204, b"")
        allowed = set((answer.header("access-control-allow-methods") or "").split(", "))
        if template.startswith("/users/{user_id}/"):
            allowed -= {"DELETE"}  # of a user whose name ends like this path
        assert allowed == methods
        assert answer.header("access-control-allow-origin") == GAME
        assert answer.header("access-control-allow-credentials") == "true"
        assert "authorization" in (answer.header("access-control-allow-headers") or "").split(", ")
        assert int(answer.header("access-control-max-age") or 0) > 0
        assert answer.header("vary") == "origin"


def test_preflight_of_others_is_not(exposed: Stack) -> None:
    ask_method = "Access-Control-Request-Method: POST"
    for origin in ("https://evil.example", "null", f"{GAME}.evil", "http://game.example.com", f"{GAME}:8443"):
        answer = ask(exposed, "OPTIONS /events", f"Origin: {origin}", ask_method, host=HOST)
        assert answer.status == 403
        assert answer.header("access-control-allow-origin") is None
    for path in ("/login", "/logout"):
        assert ask(exposed, f"OPTIONS {path}", f"Origin: {GAME}", ask_method, host=HOST).status == 403
    assert ask(exposed, "OPTIONS /nothing", f"Origin: {GAME}", ask_method, host=HOST).status == 404
    plain = ask(exposed, "OPTIONS /events", f"Origin: {GAME}", host=HOST)
    assert (plain.status, plain.header("allow")) == (405, "GET, HEAD, POST")


def test_listed_page_writes_and_reads_errors_too(exposed: Stack, area: int) -> None:
    for line, body, status in (
        ("POST /events", json.dumps(event(area)), 200),
        ("POST /events", "x", 400),
        (f"GET /stats?area_code={area}", "", 200),
        ("GET /stats", "", 422),
        ("GET /nothing", "", 404),
        ("DELETE /users/ann", "", 401),
        (f"GET /stats/stream?area_code={area}", "", 200),
    ):
        answer = ask(exposed, line, f"Origin: {GAME}", "Sec-Fetch-Site: cross-site", host=HOST, body=body)
        assert answer.status == status
        assert answer.header("access-control-allow-origin") == GAME
        assert "origin" in (answer.header("vary") or "")
        exposed_headers = (answer.header("access-control-expose-headers") or "").split(", ")
        assert {"retry-after", "ratelimit", "idempotency-key", "date"} <= set(exposed_headers)


def test_answers_say_to_caches_that_they_depend_on_the_origin(exposed: Stack, stack: Stack) -> None:
    for headers in ([], [f"Origin: http://{HOST}"], ["Origin: https://evil.example"]):
        answer = ask(exposed, "GET /static/icon.svg", *headers, host=HOST)
        assert answer.status == 200
        assert "origin" in (answer.header("vary") or "").split(", ")
    assert ask(stack, "GET /static/icon.svg").header("vary") == "Accept-Encoding"


# --- Hosts ---------------------------------------------------------------------------------------------------------


def test_foreign_host_is_refused_on_every_path(stack: Stack, exposed: Stack) -> None:
    for method in ("get", "post", "delete"):
        for path in paths(method):
            answer = ask(stack, f"{method.upper()} {path}", host="attacker.example")
            assert (answer.status, code(answer)) == (421, "unknown_host")
            assert ask(exposed, f"{method.upper()} {path}", host="evilstats.example.com").status == 421


@pytest.mark.parametrize("host", ["", "a b", "127.0.0.1:x", "127.0.0.1, 127.0.0.1", "user@127.0.0.1", "[::1", "\xff"])
def test_malformed_host_is_refused(stack: Stack, host: str) -> None:
    answer = ask(stack, "GET /stats?area_code=1", host=host)
    assert (answer.status, code(answer)) == (400, "unknown_host")


def test_repeated_and_missing_hosts(stack: Stack, exposed: Stack) -> None:
    own = f"Host: 127.0.0.1:{stack.port}"
    assert exchange(stack.port, f"GET /readyz HTTP/1.1\n{own}\n{own}\n\n").status == 400
    assert exchange(stack.port, f"GET /readyz HTTP/1.1\n{own}\nHost: attacker.example\n\n").status == 400
    assert exchange(stack.port, "GET /readyz HTTP/1.1\n\n").status == 400
    assert exchange(stack.port, "GET /readyz HTTP/1.0\n\n").status == 200
    assert exchange(exposed.port, "GET /readyz HTTP/1.0\n\n").status == 400


def test_listed_hosts_are_served_and_probes_by_address(exposed: Stack) -> None:
    for host in (HOST, f"{HOST}:443", HOST.upper(), "a.games.example"):
        assert ask(exposed, "GET /stats?area_code=1", host=host).status == 200
    for host in ("127.0.0.1", "localhost", "games.example"):
        assert ask(exposed, "GET /stats?area_code=1", host=host).status == 421
    assert ask(exposed, "GET /readyz", host="127.0.0.1:8000").status == 200


# --- Below a path --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "/modepulse"])
def test_proxy_may_remove_the_path_or_not(exposed: Stack, area: int, prefix: str) -> None:
    assert ask(exposed, f"POST {prefix}/events/", host=HOST, body=json.dumps(event(area))).status == 200
    for path in ("/", "/docs", "/docs/", "/static/main.js", "/openapi.json", "/healthz", f"/stats/?area_code={area}"):
        assert ask(exposed, f"GET {prefix}{path}", host=HOST).status == 200
    for path in ("/nothing", "/modepulse/modepulse/", "/MODEPULSE/stats"):
        assert ask(exposed, f"GET {prefix}{path}", host=HOST).status == 404
    document: dict[str, Any] = json.loads(ask(exposed, f"GET {prefix}/openapi.json", host=HOST).body)
    assert [server["url"] for server in document["servers"]] == ["/modepulse"]
    assert "(/modepulse/)" in document["info"]["description"]


def test_only_the_whole_path_is_one(exposed: Stack) -> None:
    assert ask(exposed, "GET /modepulse", host=HOST).status == 200
    for path in ("/modepulsestats", "/modepulse.", "/modepulses/stats", "//modepulse/stats", "/mode%70ulse/healthz"):
        assert ask(exposed, f"GET {path}", host=HOST).status == 404


def test_pages_name_their_files_from_where_they_are(stack: Stack, exposed: Stack) -> None:
    for path, root in (("/", "./"), ("/docs", "./"), ("/docs/", "../")):
        page = ask(stack, f"GET {path}").body.decode()
        assert f'="{root}static/icon.svg"' in page
        assert '="/' not in page
    for path in ("/", "/modepulse", "/modepulse/", "/docs/", "/modepulse/docs"):
        page = ask(exposed, f"GET {path}", host=HOST).body.decode()
        assert '="/modepulse/static/icon.svg"' in page
        assert '="./' not in page
