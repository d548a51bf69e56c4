"""Which of some networks an address is in: a look-up for each length of prefix there is, however many networks have it."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Final

EVERYBODY: Final = "all"

_MAPPED = bytes(10) + b"\xff\xff"  #: in front of an address of IPv4 in one of IPv6 (RFC 4291 section 2.5.5.2)
_Tables = dict[int, dict[int, int]]  #: bits that are not of the prefix -> the prefix as a number -> its place


class Networks:
    """Networks in an order."""

    __slots__ = ("_all", "_four", "_six")

    def __init__(self, networks: Sequence[str]) -> None:
        """``networks``: in CIDR form, or ``all``, which those without an address are too."""
        self._all = -1
        self._four: _Tables = {}
        self._six: _Tables = {}
        for place, text in enumerate(networks):
            if text == EVERYBODY:
                self._all = place if self._all < 0 else self._all
            else:
                tables, number, shift = self._split(text)
                tables.setdefault(shift, {}).setdefault(number >> shift, place)

    def first(self, address: bytes) -> int:
        """The place of the first network that has ``address``, which is text; -1: none has."""
        try:
            if b":" in address:
                packed = socket.inet_pton(socket.AF_INET6, address.partition(b"%")[0].decode("latin-1"))
                packed = packed.removeprefix(_MAPPED)
            else:
                packed = socket.inet_pton(socket.AF_INET, address.decode("latin-1"))
        except OSError:  # none: it came by a unix socket
            return self._all
        tables = self._four if len(packed) == 4 else self._six
        return self._first(tables, int.from_bytes(packed, "big"), 0)

    def first_around(self, network: str) -> int:
        """The same of the first that has all of ``network``."""
        if network == EVERYBODY:
            return self._all
        return self._first(*self._split(network))

    def _split(self, text: str) -> tuple[_Tables, int, int]:
        """Of a network, where those like it are, its address, and the bits that are not of its prefix."""
        found = ipaddress.ip_network(text)
        number, shift = int(found.network_address), found.max_prefixlen - found.prefixlen
        if found.version == 4 or (shift <= 32 and number >> 32 == 0xFFFF):
            return self._four, number & 0xFFFFFFFF, shift
        return self._six, number, shift

    def _first(self, tables: _Tables, number: int, least: int) -> int:
        first = self._all
        for shift, table in tables.items():
            place = table.get(number >> shift, -1) if shift >= least else -1
            if place >= 0 and (place < first or first < 0):
                first = place
        return first
