"""Who is at the other end of a client's connection."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Network, IPv6Network
from typing import Any


def client_address(peer: tuple[Any, ...]) -> bytes:
    """The address of a client by its socket address; one that came by IPv4 to a socket of IPv6 has that of IPv4 (RFC 4291 section 2.5.5.2).

    >>> client_address(("::ffff:10.0.0.1", 50000, 0, 0))
    b'10.0.0.1'
    """
    text = str(peer[0])
    return (text[7:] if "." in text and text.startswith("::ffff:") else text).encode("latin-1")


def is_within(address: bytes, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """Whether ``address``, as text, is one of ``networks``."""
    if not networks:
        return False
    try:
        client = ipaddress.ip_address(address.decode("latin-1"))
    except ValueError:
        return False
    return any(client in network for network in networks)
