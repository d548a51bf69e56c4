"""Sources of members, and what they say."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, Protocol

from fastgw.core.settings import Address

MOST: Final = 5_000  #: members of one listing; what is beyond them is left out, and said to be
WEIGHT_MOST: Final = 65_535
TEXT_MOST: Final = 256  #: characters of a zone, a name or a value of metadata
METADATA_MOST: Final = 32  #: names in the metadata of one member


class ListedMember(NamedTuple):
    """A member as a source lists it."""

    address: Address  #: an IP address and a port: a source gives no names to be looked up, and no unix sockets
    weight: int = 1  #: its share of the requests, 1 to ``WEIGHT_MOST``
    zone: str = ""  #: where it is; empty: nobody says
    metadata: tuple[tuple[str, str], ...] = ()  #: what it is, by name, sorted; ``version`` is one of the names


class Skipped(NamedTuple):
    """An entry of a source that is no member."""

    entry: str  #: what it is called there, such as the key
    reason: str  #: what is wrong with it


class Listing(NamedTuple):
    """All that a source lists for one service at a time."""

    members: tuple[ListedMember, ...]  #: in the order of their addresses, each address once
    skipped: tuple[Skipped, ...] = ()
    revision: str = ""  #: what the source calls this state of it, for people; empty: it has no word


Tell = Callable[[Listing], None]


class Source(Protocol):
    """Something that lists the members of one service."""

    async def watch(self, tell: Tell) -> None:
        """Call ``tell`` with all that is listed, first when it is known, then whenever it has changed; go on until cancelled.

        ``tell`` may be called often: its caller gathers.  A source never takes what it has not read for an empty list.  A connection
        that ends in an ordinary way (a poll that is over, a watch that is compacted) is renewed here; one that fails raises, and
        whoever keeps the source calls ``watch`` again, after a pause that grows.

        Raises:
            SourceError: it cannot be asked, or not any more, and why.
        """
        ...

    def __str__(self) -> str:
        """What it is, for people: kind and place, without secrets."""
        ...


class SourceError(Exception):
    """A source cannot be asked: ``cause`` is a word (refused, unresolved, tls, timeout, denied, ...), and the text is for the operator.

    ``again``: seconds after which it is asked again, where asking costs nothing; 0: after pauses that grow.
    """

    def __init__(self, cause: str, detail: str, again: float = 0.0) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail
        self.again = again


def listed(
    address: str, weight: object = 1, zone: object = "", metadata: Mapping[str, object] | None = None, port: int = 0
) -> ListedMember:
    """A member, read strictly from what an entry of a source says of it.

    Args:
        address: ``host:port`` or ``[v6]:port``; or, with ``port``, an IP address alone.
        weight: a whole number, 1 to ``WEIGHT_MOST``.
        zone: a text.
        metadata: texts by names; numbers and truth values become texts.
        port: 1 to 65535; 0: it stands in ``address``.

    Raises:
        ValueError: it is no member; the text says why, without what a hostile entry has in it beyond a short excerpt.
    """
    place = _address(address, port)
    if isinstance(weight, bool) or not isinstance(weight, int) or not 1 <= weight <= WEIGHT_MOST:
        raise ValueError(f"the weight {_short(weight)} is no whole number from 1 to {WEIGHT_MOST}")
    return ListedMember(place, weight, _text(zone, "the zone"), _metadata(metadata or {}))


def listing(members: Iterable[ListedMember], skipped: Iterable[Skipped] = (), revision: str = "") -> Listing:
    """``members`` as a listing has them: sorted, of two at one address the first, no more than ``MOST``."""
    by_address: dict[Address, ListedMember] = {}
    left_out = list(skipped)
    for one in members:
        if one.address in by_address:
            left_out.append(Skipped(str(one.address), "is listed twice"))
        else:
            by_address[one.address] = one
    ordered = sorted(by_address.values())
    left_out += [Skipped(str(one.address), f"is beyond the {MOST} that are used") for one in ordered[MOST:]]
    return Listing(tuple(ordered[:MOST]), tuple(left_out), revision)


def _address(text: str, port: int) -> Address:
    if not isinstance(text, str):
        raise ValueError(f"{_short(text)} is no address")
    host, number = text, port
    if not port:
        host, colon, digits = text.rpartition(":")
        if not colon or not digits.isascii() or not digits.isdigit() or len(digits) > 5:
            raise ValueError(f"{_short(text)} has no port")
        number = int(digits)
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError(f"{_short(text)} is an IPv6 address without brackets")
    if not 1 <= number <= 65_535:
        raise ValueError(f"{number} is no port")
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"{_short(host)} is no IP address") from None
    if ip.is_unspecified or ip.is_multicast or getattr(ip, "scope_id", None):
        raise ValueError(f"{_short(host)} is no address of a member")
    return Address(str(ip), number)


def _metadata(given: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    if not isinstance(given, Mapping):
        raise ValueError("the metadata is no mapping")
    if len(given) > METADATA_MOST:
        raise ValueError(f"the metadata has more than {METADATA_MOST} names")
    found = {}
    for name, value in given.items():
        if isinstance(value, bool):
            value = "true" if value else "false"
        elif isinstance(value, int | float):
            value = str(value)
        found[_text(name, "a name in the metadata")] = _text(value, "a value of the metadata")
    return tuple(sorted(found.items()))


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} is no text")
    if len(value) > TEXT_MOST or not value.isprintable():
        raise ValueError(f"{what} is longer than {TEXT_MOST} characters, or has some that cannot be printed")
    return value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 64 else f"{text[:60]}...{text[-1]}"
