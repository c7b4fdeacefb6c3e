"""Places are counted by address, and given back."""

import pytest

from app.access.client_address import network_of
from app.errors import Problem
from app.occupancy import Occupancy


def occupancy(most: int = 0, most_per_address: int = 0, exempt: str = "") -> Occupancy:
    def full() -> Problem:
        return Problem(503, "full", "")

    def crowded() -> Problem:
        return Problem(429, "crowded", "")

    return Occupancy(most, most_per_address, full, crowded, lambda address: address == exempt)


def codes(places: Occupancy, *addresses: str) -> list[str]:
    return [refusal.code if (refusal := places.enter(address)) else "" for address in addresses]


def test_places_are_bounded_by_address_and_in_all() -> None:
    places = occupancy(most=4, most_per_address=2)
    assert codes(places, "a", "a", "a", "b", "b") == ["", "", "crowded", "", "full"]
    for address in ("a", "a", "a", "b", "b"):
        places.leave(address)
    assert codes(places, "a", "a", "a") == ["", "", "crowded"]
    with pytest.raises(KeyError):
        places.leave("b")


def test_no_limit_and_addresses_of_many() -> None:
    assert set(codes(occupancy(), *["a"] * 1000)) == {""}
    assert set(codes(occupancy(most_per_address=1), *[""] * 9)) == {""}, "of a Unix socket"
    assert codes(occupancy(most_per_address=1, exempt="p"), "p", "p", "a", "a") == ["", "", "", "crowded"]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::"),
        ("", ""),
        ("not:an:address", "not:an:address"),
    ],
)
def test_an_ipv6_network_is_one_address(address: str, network: str) -> None:
    assert network_of(address) == network
