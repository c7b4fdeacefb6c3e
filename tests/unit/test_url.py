"""A URL is decoded as it was meant, or refused; its path is matched as a whole, segment by segment."""

from typing import Any
from urllib.parse import quote, quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Match, Route

from app.routes import routes
from app.settings import Settings
from app.url import canonical_path, url_fault

ROUTES = [route for route in routes(Settings()) if isinstance(route, Route)]


def fault(path: str, query: bytes = b"") -> Any:
    """The place of the refusal, None without one."""
    refusal = url_fault({"raw_path": path.encode(), "query_string": query})
    if refusal is None:
        return None
    assert (refusal.status, refusal.code) == (400, "invalid_encoding")
    (only,) = refusal.errors
    return only["loc"]


UNDECODABLE = [
    "%ff", "%", "%2", "%zz", "a%", "%e6%97", "%c0%af", "%ed%a0%80", "%f5%80%80%80", "%80", "%C3%28", "%%41", "%u0041",
]  # fmt: skip


@pytest.mark.parametrize("text", UNDECODABLE)
def test_what_cannot_be_decoded_is_refused_with_its_place(text: str) -> None:
    assert fault(f"/users/{text}") == ["path"]
    assert fault("/", f"a=1&area_code={text}&b=2".encode()) == ["query", "area_code"]
    assert fault("/", f"a=1&{text}=x".encode()) == ["query"]
    assert fault("/", f"n%C3%A4me+1={text}".encode()) == ["query", "näme 1"]


def test_bytes_that_are_not_encoded_are_refused() -> None:
    assert fault("/", b"area_code=\xe6\x97\xa5") == ["query", "area_code"]
    assert fault("/", b"\xff") == ["query"]


@given(st.text(), st.text(), st.text())
def test_whatever_is_encoded_is_taken(path: str, name: str, value: str) -> None:
    path, name, value = (text.encode("utf-8", "replace").decode() for text in (path, name, value))
    assert fault("/" + quote(path), f"{quote(name)}={quote(value)}&&=".encode()) is None


@given(st.binary())
def test_other_bytes_are_refused_exactly_where_they_are_no_utf_8(data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError:
        assert fault("/" + quote_from_bytes(data)) == ["path"]
    else:
        assert fault("/" + quote_from_bytes(data)) is None


def matched(method: str, path: str) -> tuple[str, dict[str, str]] | None:
    """(the path of the route, its parameters) that a request gets."""
    scope = {"type": "http", "method": method, "path": canonical_path(path.encode())}
    for route in ROUTES:
        match, more = route.matches(scope)
        if match is Match.FULL:
            return route.path, more["path_params"]
    return None


@pytest.mark.parametrize("path", ["/areas", "/healthz", "/events", "/stats", "/history/top", "/openapi.json", "/docs"])
@pytest.mark.parametrize("end", ["%0A", "%0a/", "%0D", "%00", "%20", "%2F", "//", ";", ".", "%E2%80%A8", "/x"])
def test_a_path_matches_as_a_whole(path: str, end: str) -> None:
    assert matched("GET", path) == (path, {})
    assert matched("GET", path + "/") == (path + "/", {})
    assert matched("GET", path + end) is None


def test_an_escaped_letter_is_that_letter() -> None:
    assert matched("GET", "/%61reas") == ("/areas", {})
    assert matched("POST", "/generate%5Fdata") == ("/generate_data", {})
    assert matched("GET", "/stats%2Fstream") is None


USERS = [
    "ann", "a/b", "/", "//", "ann/sessions", "sessions", ".", "..", "../..", "a b", "a+b", "100%", "%41", "日本 🎮",
    "é", "a?b#c", "ann\n", "\u2028", "\u00a0", "@", ";", "a%2Fb", "x" * 255, "\U0010ffff" * 255,
]  # fmt: skip


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("user", USERS)
def test_every_user_is_reached_by_its_name(user: str, slash: str) -> None:
    path = "/users/" + quote(user, safe="")
    assert matched("DELETE", path + slash) == ("/users/{user_id:name}" + slash, {"user_id": user})
    assert matched("GET", f"{path}/sessions{slash}") == ("/users/{user_id:name}/sessions" + slash, {"user_id": user})
    assert matched("GET", f"{path}/history{slash}") == ("/users/{user_id:name}/history" + slash, {"user_id": user})


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_every_text_is_reached_by_its_name(user: str) -> None:
    found = matched("DELETE", "/users/" + quote(user, safe=""))
    assert found == ("/users/{user_id:name}", {"user_id": user})


@pytest.mark.parametrize("path", ["/users/a/b", "/users/ann/sessions", "/users/ann/history", "/users/a/b/", "/users"])
def test_a_slash_ends_a_name(path: str) -> None:
    assert matched("DELETE", path) is None
    assert matched("GET", path + "/sessions/x") is None
