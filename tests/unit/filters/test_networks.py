"""Networks: which of them has an address, against the obvious way to find out."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.filters.networks import Networks

SOME = ("10.0.0.66", "10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32", "::ffff:203.0.113.0/120", "10.1.0.0/16")


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("10.0.0.66", 0),
        ("10.0.0.67", 1),
        ("10.1.2.3", 1),  # in the last one too
        ("11.0.0.0", -1),
        ("192.0.2.255", 2),
        ("192.0.3.0", -1),
        ("::ffff:192.0.2.1", 2),
        ("203.0.113.9", 4),
        ("2001:db8:ffff::1", 3),
        ("2001:db8::1%eth0", 3),
        ("2001:db9::", -1),
        ("::", -1),
        ("", -1),
        ("localhost", -1),
    ],
)
def test_the_first_that_has_it(address: str, place: int) -> None:
    assert Networks(SOME).first(address.encode()) == place


@pytest.mark.parametrize(("address", "place"), [("10.0.0.66", 0), ("10.0.0.1", 1), ("2001:db8::1", 1), ("", 1)])
def test_all_has_everybody_in_its_turn(address: str, place: int) -> None:
    assert Networks(("10.0.0.66", "all", "10.0.0.0/8", "all")).first(address.encode()) == place


@pytest.mark.parametrize(
    ("network", "place"),
    [
        ("10.0.0.66/32", 0),
        ("10.0.0.64/26", 1),
        ("10.0.0.0/8", 1),
        ("0.0.0.0/0", -1),
        ("2001:db8:1::/48", 3),
        ("all", -1),
    ],
)
def test_the_first_that_has_all_of_it(network: str, place: int) -> None:
    assert Networks(SOME).first_around(network) == place


def test_all_is_around_everything() -> None:
    assert [Networks(("10.0.0.0/8", "all")).first_around(one) for one in ("all", "::/0", "10.1.0.0/16")] == [1, 1, 0]


networks = st.ip_addresses().flatmap(
    lambda one: st.integers(0, one.max_prefixlen).map(lambda bits: ipaddress.ip_network((one, bits), strict=False))
)


@given(st.lists(networks, max_size=12), st.ip_addresses())
def test_it_is_the_first_by_the_book(found: list[ipaddress.IPv4Network], address: ipaddress.IPv4Address) -> None:
    plain = getattr(address, "ipv4_mapped", None) or address
    expected = next((place for place, one in enumerate(found) if plain in one), -1)
    assert Networks([str(one) for one in found]).first(str(address).encode()) == expected
