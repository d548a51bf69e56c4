"""How much of what is legal and serves nobody one connection may do: resets, PING, SETTINGS, empty frames, small windows.

Each is cheap to send and costs the receiver more, and by the thousand they are attacks with names (rapid reset, CVE-2023-44487;
MadeYouReset, CVE-2025-8671; floods of CVE-2019-9511 to 9518).  All draw on one budget.  Answers that reach their end fill it again, and so
does time: a connection that does work lives for years.  One that is spent ends the connection with ENHANCE_YOUR_CALM (RFC 9113 section
10.5).
"""

from __future__ import annotations

from typing import Final

from fastgw.wire.http2.errors import ENHANCE_YOUR_CALM, Http2Error

MOST: Final = 1000.0
PER_SECOND: Final = 10.0
PER_ANSWER: Final = 5.0

RESET: Final = 10.0  #: a stream that the peer begins and resets, or has us reset
CONTROL: Final = 2.0  #: PING, SETTINGS, PRIORITY, a frame that is not known
EMPTY: Final = 1.0  #: DATA of no byte that ends nothing, a WINDOW_UPDATE of few bytes


class FloodBudget:
    """That of one connection."""

    __slots__ = ("_left", "_since")

    def __init__(self, now: float) -> None:
        """``now``: of any clock, as below."""
        self._left = MOST
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
        self._left = min(MOST, self._left + PER_ANSWER)
