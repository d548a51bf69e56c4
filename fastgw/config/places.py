"""Where a listener is on this host: the addresses that the text of its ``address`` means, and which of them two listeners would share."""

from __future__ import annotations

import os
import socket

from fastgw.core.settings import ANY_HOST, Address


def places_of(address: Address, *, ipv6_only: bool = True) -> tuple[Address, ...]:
    """``address`` itself, or, if it has a name, every address of that; of ``[::]`` without ``ipv6_only`` IPv4 is a part.

    Raises:
        OSError: the name has no address.
    """
    if address.host == "::" and not ipv6_only:
        return (address._replace(host=ANY_HOST),)
    if not address.is_name:
        return (address,)
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return tuple(dict.fromkeys(address._replace(host=str(target[0])) for *_, target in found))


def known_places(address: Address, *, ipv6_only: bool = True) -> tuple[Address, ...]:
    """The same, and nothing for a name that has no address: whoever binds it says so."""
    try:
        return places_of(address, ipv6_only=ipv6_only)
    except OSError:
        return ()


def shared_keys(place: Address) -> tuple[Address, ...]:
    """What nobody else may have who is not to share ``place``: a socket that takes all of IPv4 and IPv6 is in the way of both."""
    if place.path:
        folder, name = os.path.split(place.path)
        return (Address(path=os.path.join(os.path.realpath(folder), name)),)
    if place.host == ANY_HOST:
        return tuple(Address(host, place.port) for host in ("::", "0.0.0.0"))  # nosec B104: compares
    return (place,)
