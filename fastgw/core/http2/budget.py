"""How much of what is legal and serves nobody one connection may do: resets, PING, SETTINGS, empty frames, small windows.

Each is cheap to send and costs the receiver more, and by the thousand they are attacks with names (rapid reset, CVE-2023-44487;
MadeYouReset, CVE-2025-8671; floods of CVE-2019-9511 to 9518).  All draw on one budget.  Answers that reach their end fill it again, and so
does time: a connection that does work lives for years.  One that is spent ends the connection with ENHANCE_YOUR_CALM (RFC 9113 section
10.5).

Who is thrown out waits a moment for it (``tarpit``), and may then come again with a new budget; so the address is remembered for a while,
and connections from there begin with hardly any and may have few streams.  That is enough for whoever shares it and works: it is a
matter of fact that a load balancer without a PROXY header is one address for all.
"""

from __future__ import annotations

from typing import Final

from fastgw.core.http2.tarpit import Tarpit
from fastgw.wire.http2.errors import ENHANCE_YOUR_CALM, Http2Error

MOST: Final = 1000.0
PER_SECOND: Final = 10.0
PER_ANSWER: Final = 5.0

RESET: Final = 10.0  #: a stream that the peer begins and resets, or has us reset
STALLED: Final = 20.0  #: a stream that had no room for its answer in time, or is one too many of those
CONTROL: Final = 2.0  #: PING, SETTINGS, PRIORITY, a frame that is not known
EMPTY: Final = 1.0  #: DATA of no byte that ends nothing, a WINDOW_UPDATE of few bytes
SPARSE: Final = 20.0  #: what a connection begins with whose address has spent one lately
SPARSE_STREAMS: Final = 8  #: and how many streams it may have
REMEMBERED: Final = 60.0  #: seconds
ADDRESSES_MOST: Final = 1024  #: remembered; beyond them the oldest is forgotten


class FloodBudget:
    """That of one connection."""

    __slots__ = ("_left", "_since")

    def __init__(self, now: float, left: float = MOST) -> None:
        """``now``: of any clock, as below; ``left``: what it begins with."""
        self._left = left
        self._since = now

    def spend(self, cost: float, what: str, now: float) -> None:
        """Take ``cost`` out of it for ``what``.

        Raises:
            Http2Error: ENHANCE_YOUR_CALM: there is not so much left.
        """
        if now > self._since:
            self._left = min(MOST, self._left + PER_SECOND * (now - self._since))
            self._since = now
        self._left -= cost
        if self._left < 0:
            raise Http2Error(ENHANCE_YOUR_CALM, f"too many frames that serve nobody, the last of them {what}")

    def earn(self) -> None:
        """An answer has reached its end."""
        left = self._left + PER_ANSWER
        self._left = left if left < MOST else MOST


class Spenders:
    """The addresses that have spent a budget lately, and those of their connections that wait for their end; of one worker."""

    __slots__ = ("_until", "tarpit")

    def __init__(self, values: memoryview) -> None:
        """``values``: the counters of the worker."""
        self.tarpit = Tarpit(values)
        self._until: dict[bytes, float] = {}  # the soonest first

    def add(self, address: bytes, now: float) -> None:
        """A connection from ``address``, as text, was thrown out."""
        place = network(address)
        self._until.pop(place, None)
        self._until[place] = now + REMEMBERED
        if len(self._until) > ADDRESSES_MOST:
            del self._until[next(iter(self._until))]

    def has(self, address: bytes, now: float) -> bool:
        """Whether one was, within ``REMEMBERED``."""
        until = self._until
        while until and (first := next(iter(until))) and until[first] <= now:
            del until[first]
        return bool(until) and network(address) in until


def network(address: bytes) -> bytes:
    """Whom ``address``, as text, stands for: of IPv6 a host has a whole /64 (RFC 4291 section 2.5.4) to choose from.

    >>> network(b"2001:db8::7")
    b'2001:db8::/64'
    """
    if b":" not in address:
        return address
    import ipaddress  # which a worker that nobody attacks does not need

    try:
        return str(ipaddress.ip_network(f"{address.decode('latin-1')}/64", strict=False)).encode()
    except ValueError:  # a name that a PROXY header has told
        return address
