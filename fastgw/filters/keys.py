"""What a limit counts for itself: a route, a client, the value of a field, who it is, or some of these together; and the key of it on the
board.

Filters that count over all workers say it by the one word ``per``, and mean the same by it.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.models.asked import NOTE as ASKED
from fastgw.core.models.asked import NOTE_MODEL
from fastgw.filters.log_variables import user_of
from fastgw.filters.variables import Read, note_bytes, noted

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.models.asked import AskedModel

REMEMBERED: Final = 1024  #: keys of one limit
LONGEST: Final = 256  #: bytes of values that are worth it

#: What the configuration names, and no client.
_CONFIGURED: Final[Mapping[str, Read]] = {
    "route": lambda exchange: exchange.route.name.encode(),
    "listener": lambda exchange: exchange.listener.name.encode(),
    "filter": lambda exchange: b"",
}


class Keys:
    """The keys of one limit."""

    __slots__ = ("_context", "_is_of_key", "_known", "_read", "_reads", "are_of_clients", "text")

    def __init__(self, per: str | Sequence[str], *limit: bytes) -> None:
        """``per``: route, listener, filter, address, ``header:NAME``, ``claim:NAME``, ``note:NAME`` or api_key, of requests to models also
        key, user, model or ``label:NAME``; or several of them.
        ``limit``: what tells this limit from all others."""
        sources = (per,) if isinstance(per, str) else tuple(per)
        parts = [one.partition(":") for one in sources]
        self._reads = tuple(_reader(kind, name) for kind, _, name in parts)
        self._read = self._reads[0] if len(parts) == 1 else None
        self._is_of_key = sources == ("key",)
        self._context = (*limit, *[part.encode() for kind, _, name in parts for part in (kind, name)])
        self.are_of_clients = not all(one in _CONFIGURED for one in sources)  #: or else what the configuration names
        self.text = " and ".join(sources)
        self._known: dict[
            Any, int
        ] = {}  #: those of late, by the values, or the only one: to hash one takes microseconds

    def of(self, exchange: Exchange) -> int:
        """The key that counts this request."""
        values: Any
        if self._is_of_key:  # which most limits of models are: it is asked without a detour
            values = _noted_key(exchange)
        else:
            values = self._read(exchange) if self._read is not None else self.values(exchange)
        key = self._known.get(values)
        if key is None:
            parts: tuple[bytes, ...] = values if self._read is None else (_in_bytes(values),)
            key = self.key_of(exchange, parts)
            if len(self._known) >= REMEMBERED:
                self._known.clear()  # the next requests fill it with those that come now
            if sum(map(len, parts)) <= LONGEST:
                self._known[values] = key
        return key

    def values(self, exchange: Exchange) -> tuple[bytes, ...]:
        """What tells the key of this request from others of this limit."""
        return tuple([read(exchange) for read in self._reads])

    def key_of(self, exchange: Exchange, values: tuple[bytes, ...], *what: bytes) -> int:
        """The key of such ``values``; ``what``: which one of several that they have."""
        key: int = exchange.plane.seat.key_of(*what, *self._context, *values)
        return key


def _reader(kind: str, name: str) -> Read:
    """What reads the value of one source; without one it is empty, and all such requests are counted together."""
    if kind in _CONFIGURED:
        return _CONFIGURED[kind]
    if kind == "address":
        return lambda exchange: _network(exchange.client.address)
    if kind == "header":
        field = name.encode()
        return lambda exchange: exchange.request.header(field) or b""
    if kind == "user":
        return user_of
    if kind == "model":
        return _model
    if kind == "key":
        return _name_of_key
    if kind == "label":
        return lambda exchange: note_bytes(noted(exchange, ["labels", name]))
    path = ["jwt", name] if kind == "claim" else (name or kind).split(".")
    return lambda exchange: note_bytes(noted(exchange, path))


def _noted_key(exchange: Exchange) -> str | bytes:
    """The name of whatever filter knows it: the object that it is there, which has its hash already, or bytes."""
    notes = exchange.notes
    found = (notes.get("key") or notes.get("api_key")) if notes is not None else None
    return found if type(found) is str else note_bytes(found)


def _in_bytes(value: str | bytes) -> bytes:
    return value.encode("utf-8", "replace") if isinstance(value, str) else value


def _name_of_key(exchange: Exchange) -> bytes:
    """The same in bytes."""
    return _in_bytes(_noted_key(exchange))


def _model(exchange: Exchange) -> bytes:
    """The entry of ``models`` that the request has led to; where it has led to none, the name that its body has."""
    notes = exchange.notes
    if notes is None:
        return b""
    asked: AskedModel | None = notes.get(ASKED)
    return asked.entry.encode() if asked is not None else note_bytes(notes.get(NOTE_MODEL))


def _network(address: bytes) -> bytes:
    """The address of a client, or the network that it can choose its IPv6 address from: the first 64 bits (RFC 6177)."""
    if b":" not in address:
        return address
    return socket.inet_pton(socket.AF_INET6, address.partition(b"%")[0].decode("latin-1"))[:8]
