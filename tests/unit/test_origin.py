"""From which web pages requests may come."""

import pytest

from app.access.origin import Origins, Source
from app.setting_forms import parse_origins

HOST = b"stats.example.com"
LISTED = "https://game.example.com, http://localhost:3000 ,HTTPS://Shop.example:443,capacitor://localhost"
FOREIGN = (
    b"null",
    b"",
    b"https://evil.example",
    b"https://stats.example.com.evil.example",
    b"https://xstats.example.com",
    b"https://stats.example.com:8443",
    b"https://stats.example.com/",
    b"https://stats.example.com/x",
    b"stats.example.com",
    b"//stats.example.com",
    b"https:stats.example.com",
    b"file://",
    b"https://",
    b"https://user@stats.example.com",
    b"https://stats.example.com https://stats.example.com",
    b"ftp://stats.example.com",
    b"https://game.example.com.evil",
    b"https://game.example.com:8443",
    b"http://game.example.com",
    b"http://localhost",
    b"https://localhost:3000",
    b"https://stats.example.com\x00",
    b"\xff",
    b"https://*",
    b"*",
    b"http://stats.example.com:443",
)


@pytest.mark.parametrize("listed", ["", LISTED])
@pytest.mark.parametrize("origin", FOREIGN)
def test_foreign_pages_are_foreign_whatever_the_site(listed: str, origin: bytes) -> None:
    origins = Origins(listed)
    for site in (None, b"same-origin", b"none", b"same-site", b"cross-site"):
        assert origins.source(origin, site, HOST) is Source.FOREIGN


@pytest.mark.parametrize("site", [b"cross-site", b"same-site", b"", b"Same-Origin", b"same-origin, none", b"x"])
def test_site_alone_can_say_so(site: bytes) -> None:
    assert Origins("").source(None, site, HOST) is Source.FOREIGN
    assert Origins(LISTED).source(None, site, HOST) is Source.FOREIGN
    assert Origins("").source(b"https://" + HOST, site, HOST) is Source.FOREIGN


@pytest.mark.parametrize("site", [None, b"same-origin", b"none"])
def test_own_page_and_no_page_are_own(site: bytes | None) -> None:
    for origins in (Origins(""), Origins(LISTED), Origins("*")):
        for origin, host in (
            (None, HOST),
            (None, None),
            (b"https://" + HOST, HOST),
            (b"http://" + HOST, HOST),
            (b"http://" + HOST, HOST.upper()),
            (b"https://" + HOST, HOST + b":443"),
            (b"http://" + HOST, HOST + b":80"),
            (b"http://127.0.0.1:8000", b"127.0.0.1:8000"),
            (b"http://[::1]:8000", b"[::1]:8000"),
        ):
            assert origins.source(origin, site, host) is Source.OWN


def test_page_is_foreign_to_a_request_without_host() -> None:
    assert Origins("").source(b"http://", None, None) is Source.FOREIGN
    assert Origins("").source(b"http://", None, b"") is Source.FOREIGN


def test_listed_pages_are_listed() -> None:
    for origin in (
        b"https://game.example.com",
        b"http://localhost:3000",
        b"https://shop.example",
        b"capacitor://localhost",
    ):
        for site in (None, b"cross-site", b"same-site"):
            assert Origins(LISTED).source(origin, site, HOST) is Source.LISTED


def test_star_permits_every_page() -> None:
    for origin in (b"https://evil.example", b"null", None):
        assert Origins("*").source(origin, b"cross-site", HOST) is Source.LISTED


@pytest.mark.parametrize(
    "text",
    [
        *(
            "game.example.com",
            "https://game.example.com/",
            "https://a.example/x",
            "https://*.example.com",
            "null",
            "https://",
        ),
        *(
            "*, https://a.example",
            "https://a.example *",
            "https://ü.example",
            "https://a.example:x",
            "https://a b",
            "**",
        ),
    ],
)
def test_list_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="list of origins"):
        parse_origins(text)
