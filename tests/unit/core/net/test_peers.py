"""Who is at the other end of a connection."""

from __future__ import annotations

import socket
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.core.net.peers import accepted_elsewhere, client_address, is_within


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


def test_what_somebody_else_has_accepted_is_set_as_ours_are() -> None:
    with socket.socket() as sock:
        found = {"peername": ("::1", 5, 0, 0), "socket": sock}
        assert accepted_elsewhere(SimpleNamespace(get_extra_info=found.get)) == b"::1"
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_who_comes_by_a_unix_socket_has_no_address() -> None:
    assert accepted_elsewhere(SimpleNamespace(get_extra_info={"peername": ""}.get)) is None
