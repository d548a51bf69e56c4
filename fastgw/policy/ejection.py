"""When a member that cannot be reached is left out, for how long, and when it is tried again.

    up ── so many failures in a row ──▶ ejected ── its time is over ──▶ on trial ── it works ──▶ up
                                           ▲                              │   ▲
                                           └──── it failed, twice as long ┘   └─ untried: how one begins that must prove itself

The time doubles from ``base`` up to ``max`` with every ejection, and begins at ``base`` again once the member has been back for ``max``.
Times are seconds of any clock that does not go back.
"""

from __future__ import annotations

from typing import Protocol

_DOUBLINGS_MAX = 60  #: beyond it every time is ``max``; bounds the number


class Schedule(Protocol):
    """What an operator can set."""

    @property
    def after(self) -> int:
        """Failures in a row, 1 or more."""

    @property
    def base(self) -> float:
        """Seconds of the first ejection, more than 0."""

    @property
    def max(self) -> float:
        """Seconds of the longest, ``base`` or more."""


class MemberState:
    """One member: what it did lately, and until when it is left out."""

    __slots__ = (
        "_back",
        "_times",
        "failures",
        "is_ejected",
        "is_on_trial",
        "is_proven",
        "is_unhealthy",
        "is_unprobed",
        "until",
    )

    def __init__(self, is_proven: bool = True) -> None:
        self.failures = 0  #: in a row, while it is not ejected
        self.is_proven = is_proven  #: it was reached once, or need not be to be asked
        self.is_ejected = not is_proven
        self.is_unhealthy = False  #: its probes say so, or none is over; apart from all else here
        self.is_unprobed = False  #: it is that because none is over
        self.is_on_trial = False  #: it is ejected, and one connection is being tried
        self.until = 0.0  #: when the ejection is over, or was
        self._times = 0  # ejections without having worked for ``max`` in between
        self._back = 0.0  # when the last ejection ended

    @property
    def is_untried(self) -> bool:
        """Whether it must be reached before it is asked, and nobody knows yet whether it can be."""
        return not self.is_proven and not self._times

    def fail(self, now: float, terms: Schedule) -> bool:
        """It could not be reached.  True: it is ejected from now on, or once more.

        What fails while it is ejected and not on trial began before, and says nothing new.
        """
        if self.is_ejected:
            if not self.is_on_trial:
                return False
        else:
            self.failures += 1
            if self.failures < terms.after:
                return False
            if now - self._back >= terms.max:
                self._times = 0
        self.eject(now + min(terms.max, terms.base * 2.0**self._times))
        return True

    def eject(self, until: float) -> None:
        """Leave it out until then."""
        self.failures = 0
        self.is_ejected = True
        self.is_on_trial = False
        self.until = until
        self._times = min(self._times + 1, _DOUBLINGS_MAX)

    def work(self, now: float, is_proof: bool = False) -> bool:
        """It was reached.  True: it is back.

        While it is ejected that counts only on trial, or as ``is_proof``: a connection that was begun before says nothing of now.
        """
        self.failures = 0
        if not self.is_ejected or not (self.is_on_trial or is_proof):
            return False
        self.readmit(now)
        return True

    def readmit(self, now: float) -> None:
        """It is back."""
        self.is_ejected = self.is_on_trial = False
        self.is_proven = True
        self._back = now

    def begin_trial(self, now: float) -> bool:
        """True: its time is over, one connection is to be tried; ``fail``, ``work`` or ``give_up_trial`` must follow."""
        if not self.is_ejected or self.is_on_trial or now < self.until:
            return False
        self.is_on_trial = True
        return True

    def give_up_trial(self) -> None:
        """The trial said nothing of the member: there must be another."""
        self.is_on_trial = False

    def hurry(self, now: float) -> None:
        """Somebody has reached it: let the trial come now."""
        self.until = min(self.until, now)
