"""What a limit counts for itself: a route, a listener, a client, the value of a field; and the key of it on the board.

Filters that count over all workers say it by the one word ``per``, and mean the same by it.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange


class Keys:
    """The keys of one limit."""

    __slots__ = ("_context", "_field", "_known", "_per", "are_of_clients")

    def __init__(self, per: str, *limit: bytes) -> None:
        """``per``: route, listener, filter, address or ``header:NAME``.  ``limit``: what tells this limit from all others."""
        self._per, _, field = per.partition(":")
        self._field = field.encode()
        self._context = (*limit, self._per.encode(), self._field)
        self.are_of_clients = self._per in ("address", "header")  #: or else what the configuration names
        self._known: dict[str, int] = {}  #: of routes and listeners, by name

    def of(self, exchange: Exchange) -> int:
        """The key that counts this request."""
        per = self._per
        if per == "address":
            return self._hashed(exchange, _network(exchange.client.address))
        if per == "header":
            return self._hashed(exchange, exchange.request.header(self._field) or b"")
        name = exchange.route.name if per == "route" else exchange.listener.name if per == "listener" else ""
        key = self._known.get(name)
        if key is None:
            key = self._known[name] = self._hashed(exchange, name.encode())
        return key

    def _hashed(self, exchange: Exchange, value: bytes) -> int:
        key: int = exchange.plane.seat.key_of(*self._context, value)
        return key


def _network(address: bytes) -> bytes:
    """The address of a client, or the network that it can choose its IPv6 address from: the first 64 bits (RFC 6177)."""
    if b":" not in address:
        return address
    return socket.inet_pton(socket.AF_INET6, address.partition(b"%")[0].decode("latin-1"))[:8]
