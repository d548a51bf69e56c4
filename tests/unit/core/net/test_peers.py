"""Who is at the other end of a connection."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from fastgw.core.net.peers import client_address, is_within


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        (("10.0.0.1", 5), b"10.0.0.1"),
        (("::ffff:10.0.0.1", 5, 0, 0), b"10.0.0.1"),
        (("::1", 5, 0, 0), b"::1"),
        (("::ffff:0:102:304", 5, 0, 0), b"::ffff:0:102:304"),
    ],
)
def test_an_address_is_that_of_its_protocol(peer: tuple[Any, ...], address: bytes) -> None:
    assert client_address(peer) == address


@pytest.mark.parametrize(
    ("address", "networks", "expected"),
    [
        (b"10.0.0.1", ["10.0.0.0/8"], True),
        (b"11.0.0.1", ["10.0.0.0/8"], False),
        (b"::1", ["10.0.0.0/8", "::1/128"], True),
        (b"10.0.0.1", ["::/0"], False),
        (b"10.0.0.1", [], False),
        (b"unknown", ["0.0.0.0/0"], False),
    ],
)
def test_networks(address: bytes, networks: list[str], expected: bool) -> None:
    assert is_within(address, tuple(map(ip_network, networks))) is expected
