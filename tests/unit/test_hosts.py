"""Which Host headers are served."""

import pytest

from app.access.hosts import MAX_REMEMBERED, Hosts
from app.errors import Problem
from app.setting_forms import parse_hosts

NO_NAMES = (
    b"",
    b" ",
    b"a b",
    b"a,b",
    b"a/b",
    b"a@b",
    b"user@127.0.0.1",
    b"http://127.0.0.1",
    b"127.0.0.1:x",
    b"127.0.0.1:-1",
    b"127.0.0.1:123456",
    b"127.0.0.1:80:80",
    b"[::1",
    b"::1",
    b"[::1]x",
    b"[::1%25lo]",
    b"a..b",
    b".a",
    b"a\x00",
    b"a\n",
    b"localhost\r",
    b"\xff",
    "ünï".encode(),
    b"a?b",
    b"a#b",
    b"*",
    b"*.example.com",
    b"localhost:\xd9\xa1",
    b"a" * 99 + b"!",
)


def status(hosts: Hosts, host: bytes | None, version: str = "1.1", path: str = "/stats") -> int:
    try:
        hosts.check(host, version, path)
    except Problem as problem:
        return problem.status if problem.code == "unknown_host" else 500
    return 200


def test_on_loopback_only_the_names_of_this_machine_are_served() -> None:
    hosts = Hosts("", True)
    for name in (b"localhost", b"LocalHost.", b"127.0.0.1", b"[::1]", b"127.0.0.5"):
        for port in (b"", b":", b":80", b":8000", b":65535"):
            assert status(hosts, name + port) == 200
    for name in (
        b"attacker.example",
        b"localhost.attacker.example",
        b"127.0.0.1.attacker.example",
        b"a.localhost",
        b"0.0.0.0",
        b"10.0.0.1",
        b"[::]",
        b"[fe80::1]",
        b"127.1",
        b"2130706433",
        b"0x7f.0.0.1",
        b"xlocalhost",
    ):
        for port in (b"", b":8000"):
            assert status(hosts, name + port) == 421


@pytest.mark.parametrize("hosts", [Hosts("", True), Hosts("", False), Hosts("a.example", False), Hosts("*", False)])
@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_name_is_refused_everywhere(hosts: Hosts, name: bytes) -> None:
    assert status(hosts, name) == 400
    assert status(hosts, name, path="/healthz") == 400


@pytest.mark.parametrize("hosts", [Hosts("", False), Hosts("*", True)])
def test_elsewhere_and_with_a_star_any_name_is_served(hosts: Hosts) -> None:
    assert {status(hosts, name) for name in (b"a.example", b"A.example:443", b"10.0.0.1", b"[2001:db8::1]:80")} == {200}


def test_listed_names_are_served_and_no_others() -> None:
    hosts = Hosts(" Stats.example.com, *.games.example ,[2001:db8::1], ported.example:8443", True)
    for name in (
        *(
            b"stats.example.com",
            b"STATS.EXAMPLE.COM:443",
            b"stats.example.com.",
            b"a.games.example",
            b"a.b.games.example",
        ),
        b"A.Games.Example:81",
        b"[2001:db8::1]:8000",
        b"ported.example:8443",
    ):
        assert status(hosts, name) == 200, name
    for name in (
        b"games.example",
        b"xgames.example",
        b"a.games.example.evil",
        b"example.com",
        b"xstats.example.com",
        *(
            b"stats.example.com.evil",
            b"localhost",
            b"127.0.0.1",
            b"ported.example",
            b"ported.example:1",
            b"a.example:8443",
        ),
    ):
        assert status(hosts, name) == 421, name


def test_request_without_host() -> None:
    assert [status(Hosts("", True), None, version) for version in ("1.0", "1.1")] == [200, 400]
    assert [status(Hosts("", False), None, version) for version in ("1.0", "1.1")] == [200, 400]
    assert status(Hosts("a.example", True), None, "1.0") == 400


def test_probe_by_address_sees_only_health() -> None:
    hosts = Hosts("stats.example.com", False)
    for name in (b"127.0.0.1:8000", b"10.0.0.7", b"[::1]:8000", b"localhost"):
        assert status(hosts, name, path="/healthz") == status(hosts, name, path="/readyz/") == 200
        assert status(hosts, name) == status(hosts, name, path="/healthz/x") == 421
    assert status(hosts, b"attacker.example", path="/healthz") == 421


def test_memory_for_names_is_bounded() -> None:
    hosts = Hosts("", False)
    for number in range(2 * MAX_REMEMBERED + 5):
        assert status(hosts, b"h%d.example" % number) == 200
    assert status(hosts, b"x" * 5000) == 200
    assert len(hosts.accepted) <= MAX_REMEMBERED


@pytest.mark.parametrize(
    "text", ["a b", "http://a", "a/b", "*a", "a.*", "*.", "a:b", "[::1", "ü.example", "a..b", "**"]
)
def test_list_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="list of host names"):
        parse_hosts(f"good.example,{text}")


def test_empty_places_of_a_list_are_none() -> None:
    assert parse_hosts(" , a.example,,") == ("a.example",)
    assert parse_hosts("") == ()
