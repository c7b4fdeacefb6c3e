"""The address of a client behind proxies, and what nobody is believed."""

from typing import Any

import pytest

from app.access.client_address import MAX_REMEMBERED, TrustedProxies, client_address
from app.setting_forms import parse_networks

PROXIES = "127.0.0.1, 10.0.0.0/8,2001:db8:1::/48"


def seen(proxies: TrustedProxies, peer: str | None, *forwarded: bytes, proto: bytes | None = None) -> tuple[str, str]:
    """(client_address, scheme) of a request."""
    headers = [(b"host", b"x"), *((b"x-forwarded-for", value) for value in forwarded)]
    headers += [] if proto is None else [(b"x-forwarded-proto", proto)]
    scope: dict[str, Any] = {"client": (peer, 4711) if peer else None, "scheme": "http", "headers": headers}
    proxies.reveal_client(scope)
    return client_address(scope), scope["scheme"]


@pytest.mark.parametrize("peer", ["192.0.2.1", "11.0.0.1", "2001:db8:2::1", "::1", "127.0.0.2"])
def test_what_others_say_is_not_believed(peer: str) -> None:
    for proxies in (TrustedProxies(PROXIES), TrustedProxies("")):
        assert seen(proxies, peer, b"198.51.100.7", proto=b"https") == (peer, "http")


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.9.8.7", "::ffff:10.0.0.1", "2001:db8:1:2::3"])
@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ([b"198.51.100.7"], "198.51.100.7"),
        ([b"6.6.6.6, 198.51.100.7"], "198.51.100.7"),
        ([b"6.6.6.6", b"198.51.100.7"], "198.51.100.7"),
        ([b"6.6.6.6, 198.51.100.7, 10.0.0.2 ,127.0.0.1"], "198.51.100.7"),
        ([b"10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ([b"198.51.100.7:4711"], "198.51.100.7"),
        ([b'"[2001:db8::7]:4711"'], "2001:db8::7"),
        ([b"[2001:db8::7]"], "2001:db8::7"),
        ([b"2001:DB8:0:0::7"], "2001:db8::7"),
        ([b"::ffff:198.51.100.7"], "198.51.100.7"),
        ([b"fe80::1%eth0"], "fe80::1"),
    ],
)
def test_last_address_that_is_no_trusted_proxys(peer: str, forwarded: list[bytes], address: str) -> None:
    assert seen(TrustedProxies(PROXIES), peer, *forwarded)[0] == address


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b" ",
        b"unknown",
        b"_hidden",
        b"localhost",
        b"1.2.3",
        b"1.2.3.4.5",
        b"256.1.1.1",
        b"1.2.3.4:x",
        b"01.2.3.4",
        b"[::1",
        b"[::1]x",
        b"[::1]:x",
        b"]",
        b"::1]",
        b"::g",
        b"\xff\xfe",
        b"1.2.3.4 5.6.7.8",
        b"for=1.2.3.4",
        b"," * 500,
        b"1.2.3.4\x00",
        "١.٢.٣.٤".encode(),
        b"0x7f000001",
        b"2130706433",
        b"<script>",
        b"'; DROP",
        b"1.2.3.4:123456",
    ],
)
def test_garbage_counts_for_nothing_and_hides_what_is_left_of_it(garbage: bytes) -> None:
    proxies = TrustedProxies(PROXIES)
    assert seen(proxies, "10.0.0.1", garbage)[0] == "10.0.0.1"
    assert seen(proxies, "10.0.0.1", b"6.6.6.6," + garbage)[0] == "10.0.0.1"
    assert seen(proxies, "10.0.0.1", b"6.6.6.6," + garbage + b",10.0.0.2")[0] == "10.0.0.2"
    assert seen(proxies, "10.0.0.1", garbage + b",198.51.100.7")[0] == "198.51.100.7"


def test_scheme_of_the_clients_own_connection() -> None:
    proxies = TrustedProxies(PROXIES)
    schemes = {
        b"https": "https",
        b" HTTPS ": "https",
        b"https, http": "https",
        b"http": "http",
        b"": "http",
        b"x": "http",
    }
    for proto, scheme in schemes.items():
        assert seen(proxies, "10.0.0.1", proto=proto)[1] == scheme
    assert seen(proxies, "10.0.0.1")[1] == "http"


def test_clients_of_a_unix_socket_have_no_address() -> None:
    assert seen(TrustedProxies(PROXIES), None, b"198.51.100.7", proto=b"https") == ("", "http")
    assert seen(TrustedProxies("unix"), None, b"198.51.100.7", proto=b"https") == ("198.51.100.7", "https")
    assert seen(TrustedProxies("unix"), "127.0.0.1", b"198.51.100.7")[0] == "127.0.0.1"
    assert TrustedProxies("unix")
    assert not TrustedProxies("")


def test_memory_for_addresses_is_bounded() -> None:
    proxies = TrustedProxies("10.0.0.0/8")
    for number in range(MAX_REMEMBERED + 5):
        address = f"192.0.{number >> 8 & 255}.{number & 255}"
        assert seen(proxies, "10.0.0.1", address.encode())[0] == address
        seen(proxies, address)
    seen(proxies, "10.0.0.1", b"1.2.3.4, " * 1000)
    assert len(proxies._forwarded) <= MAX_REMEMBERED
    assert len(proxies._peers) <= MAX_REMEMBERED


@pytest.mark.parametrize("text", ["x", "10.0.0.0/33", "10.0.0.1/8", "example.com", "*", "::1/200", "10.0.0.1 10.0.0.2"])
def test_list_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="list of addresses"):
        parse_networks(f"127.0.0.1,{text}")
