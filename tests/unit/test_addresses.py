"""Visitors by address: bounded, and one for whoever has many addresses."""

import asyncio

import pytest

from app.access.addresses import MAX_ADDRESSES, Addresses


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("not:an:address", "not:an:address", True),
        ("", "", True),
    ],
)
def test_an_ipv6_network_is_one_visitor(one: str, other: str, same: bool) -> None:
    addresses = Addresses(1, 1, 1)
    assert (addresses.of(one, 0.0) is addresses.of(other, 0.0)) == same


def test_memory_is_bounded_and_who_is_being_limited_stays_limited() -> None:
    addresses = Addresses(1, 1, 10)
    limited = addresses.of("192.0.2.1", 1.0)
    assert limited.principal.requests is not None
    limited.principal.requests.take(1, 1.0)
    for n in range(5 * MAX_ADDRESSES):
        addresses.of(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 1.0)
        assert len(addresses) <= MAX_ADDRESSES
    assert addresses.of("192.0.2.1", 1.0) is limited


def test_memory_is_bounded_when_all_are_being_limited() -> None:
    addresses = Addresses(1, 1, 10)
    for n in range(3 * MAX_ADDRESSES):
        addresses.of(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 1.0).wrong_keys.take(1, 1.0)
        assert len(addresses) <= MAX_ADDRESSES


async def test_who_has_a_stream_open_is_not_forgotten() -> None:
    addresses = Addresses(1, 1, 10)
    stream: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    addresses.of("192.0.2.1", 1.0).principal.hold(stream)
    for n in range(2 * MAX_ADDRESSES):
        addresses.of(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 1.0)
    addresses.end()
    assert stream.cancelled()
