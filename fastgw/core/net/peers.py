"""Who is at the other end of a client's connection."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network


def client_address(peer: tuple[Any, ...]) -> bytes:
    """The address of a client by its socket address; one that came by IPv4 to a socket of IPv6 has that of IPv4 (RFC 4291 section 2.5.5.2).

    >>> client_address(("::ffff:10.0.0.1", 50000, 0, 0))
    b'10.0.0.1'
    """
    text = str(peer[0])
    return (text[7:] if "." in text and text.startswith("::ffff:") else text).encode("latin-1")


def accepted_elsewhere(transport: Any) -> bytes | None:
    """The address of a client that the loop or somebody else has accepted (None: it has none); its socket is set as ours are."""
    peer = transport.get_extra_info("peername")
    if not isinstance(peer, tuple):
        return None
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client_address(peer)


def is_within(address: bytes, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """Whether ``address``, as text, is one of ``networks``."""
    if not networks:
        return False
    import ipaddress  # which a worker without networks does not need

    try:
        client = ipaddress.ip_address(address.decode("latin-1"))
    except ValueError:
        return False
    return any(client in network for network in networks)
