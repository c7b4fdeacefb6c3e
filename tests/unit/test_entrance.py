"""What is behind the entrance: who gets there, and what they look like then."""

from typing import Any
from urllib.parse import unquote

import pytest

from app.access.client_address import TrustedProxies
from app.access.entrance import Entrance
from app.access.hosts import Hosts
from app.access.origin import Origins
from app.request_metrics import RequestMetrics

GAME = b"https://game.example.com"
COOKIE = (b"cookie", b"modepulse_session=x")
KEY = (b"authorization", b"Bearer mp_read_x")


class Inside:
    """The application: keeps what reached it, and answers 200."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": b"{}"})


HEADERS = [(b"content-type", b"application/json")]


async def ask(
    *headers: tuple[bytes, bytes],
    method: str = "GET",
    path: str = "/stats",
    cors: str = "",
    root: str = "",
    proxies: str = "",
    raw_path: bytes | None = None,
) -> tuple[int, dict[str, str], Any]:
    """(status, headers, the scope that the application got or None)"""
    inside = Inside()
    methods = ["GET", "HEAD"]
    noting = RequestMetrics().noting
    entrance = Entrance(
        inside, Hosts("", False), Origins(cors), TrustedProxies(proxies), lambda _: methods, root, noting
    )
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        assert sent, "the body was read"
        return {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode() if raw_path is None else raw_path,
        "http_version": "1.1",
        "scheme": "http",
        "client": ("10.0.0.1", 1),
        "headers": [(b"host", b"a.example"), *headers],
    }
    await entrance(scope, receive, send)
    assert HEADERS == [(b"content-type", b"application/json")]
    answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answered, inside.scopes[0] if inside.scopes else None


async def test_programs_and_the_own_page_pass_as_they_are() -> None:
    for headers in ((), ((b"origin", b"http://a.example"),), ((b"sec-fetch-site", b"same-origin"),)):
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            status, answered, scope = await ask(*headers, COOKIE, KEY, method=method)
            assert (status, list(answered)) == (200, ["content-type"])
            assert scope["headers"] == [(b"host", b"a.example"), *headers, COOKIE, KEY]


@pytest.mark.parametrize("origin", [b"https://evil.example", b"null", b"https://a.example:8443"])
async def test_cookie_is_taken_from_foreign_pages_and_their_key_is_not(origin: bytes) -> None:
    status, _, scope = await ask((b"origin", origin), COOKIE, (b"cookie", b"b=c"), KEY)
    assert status == 200
    assert scope["headers"] == [(b"host", b"a.example"), (b"origin", origin), KEY]


async def test_cookie_is_taken_from_listed_pages_too() -> None:
    for cors in (GAME.decode(), "*"):
        _, _, scope = await ask((b"origin", GAME), COOKIE, cors=cors)
        assert scope["headers"] == [(b"host", b"a.example"), (b"origin", GAME)]


async def test_star_goes_without_credentials() -> None:
    for headers in (((b"origin", GAME),), ((b"origin", b"null"),), ((b"sec-fetch-site", b"cross-site"),)):
        for method in ("GET", "POST"):
            status, answered, _ = await ask(*headers, method=method, cors="*")
            assert status == 200
            assert answered["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in answered
    status, answered, scope = await ask(
        (b"origin", GAME), (b"access-control-request-method", b"GET"), method="OPTIONS", cors="*"
    )
    assert (status, answered["access-control-allow-origin"], scope) == (204, "*", None)
    assert answered["access-control-allow-methods"] == "GET, HEAD"
    assert "access-control-allow-credentials" not in answered


async def test_session_is_the_own_pages_affair() -> None:
    for cors in ("", GAME.decode(), "*"):
        for path in ("/login", "/login/", "/logout", "/logout/"):
            status, answered, scope = await ask((b"origin", GAME), method="POST", path=path, cors=cors)
            assert (status, scope) == (403, None)
            assert "access-control-allow-origin" not in answered


@pytest.mark.parametrize(
    ("raw_path", "inside"),
    [
        (b"/", b"/"),
        (b"/stats", b"/stats"),
        (b"/p/q", b"/"),
        (b"/p/q/", b"/"),
        (b"/p/q/stats", b"/stats"),
        (b"/p/q/p/q/stats", b"/p/q/stats"),
        (b"/p/q/users/a%2Fb", b"/users/a%2Fb"),
        (b"/p/qstats", b"/p/qstats"),
        (b"/p", b"/p"),
        (b"/P/q/stats", b"/P/q/stats"),
        (b"/p%2Fq/stats", b"/p%2Fq/stats"),
        (b"//p/q/stats", b"//p/q/stats"),
    ],
)
async def test_prefix_is_gone_from_both_spellings_of_the_path(raw_path: bytes, inside: bytes) -> None:
    _, _, scope = await ask(root="/p/q", path=unquote(raw_path.decode()), raw_path=raw_path)
    assert (scope["raw_path"], scope["path"]) == (inside, unquote(inside.decode()))


async def test_client_and_scheme_are_those_of_the_trusted_proxys_client() -> None:
    forwarded = ((b"x-forwarded-for", b"6.6.6.6, 192.0.2.7"), (b"x-forwarded-proto", b"https"))
    _, _, scope = await ask(*forwarded, proxies="10.0.0.0/8")
    assert (scope["client"], scope["scheme"]) == (("192.0.2.7", 0), "https")
    _, _, scope = await ask(*forwarded)
    assert (scope["client"], scope["scheme"]) == (("10.0.0.1", 1), "http")
