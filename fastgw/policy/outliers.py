"""When a member that can be reached, but fails or is slow where its siblings are not, is left out, and how it comes back.

    in ── too many of its calls fail, or it is much slower than its siblings ──▶ out ── its time is over ──▶ on trial ── it does well ──▶ in
                                                                                  ▲                             │
                                                                                  └─ it does not: twice as long ┘

Calls are counted over a sliding window (``policy.breaker.Window``), and of the seconds to the heads of answers the last ``SAMPLES`` are
kept, so what is kept does not grow with the number of calls.  How fast a member is is their median: one answer that took long says nothing.
On trial it gets one call at a time, and is in again when ``TRIALS`` have ended well.  Times are seconds of any clock that does not go back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

from fastgw.policy.breaker import Window

IN: Final = "in"
OUT: Final = "out"
ON_TRIAL: Final = "on_trial"

FAILING, SLOW = "failing", "slow"  #: why one is left out

TRIALS: Final = 3  #: calls that must end well, one after the other
SAMPLES: Final = 64  #: answers whose time is kept, of each member
SLOW_LEAST: Final = 0.01  #: seconds: what is faster is not slow, however fast the siblings are
_DOUBLINGS_MAX: Final = 60  #: beyond it every time is ``max``; bounds the number


class OutlierTerms(Protocol):
    """What an operator can set."""

    @property
    def failures(self) -> float:
        """The part of the calls, up to 1, that fails when a member is left out; 0: none is for failures."""

    @property
    def slow(self) -> float:
        """So many times the median of its siblings is too slow; 0: none is left out for that."""

    @property
    def minimum(self) -> int:
        """Calls in the window before they say anything."""

    @property
    def window(self) -> float:
        """Seconds."""

    @property
    def base(self) -> float:
        """Seconds that one is left out the first time, more than 0."""

    @property
    def max(self) -> float:
        """The longest, ``base`` or more."""


class OutlierState:
    """One member; ``state`` is one of ``IN``, ``OUT`` and ``ON_TRIAL``."""

    __slots__ = ("_asked", "_back", "_began", "_good", "_samples", "_terms", "_times", "_window", "state", "until")

    def __init__(self, terms: OutlierTerms) -> None:
        self._terms = terms
        self._window = Window(terms.window)
        self._samples: deque[tuple[float, float]] = deque(maxlen=SAMPLES)  # when an answer began, and after how long
        self.state = IN
        self.until = 0.0  #: when the time that it is left out is over, or was
        self._times = 0  # that it was left out without having been in for ``max`` in between
        self._back = 0.0  # when it was in again
        self._began = 0.0  # when it was on trial
        self._good = 0  # trials that ended well
        self._asked = -1.0  # when the trial began that is under way; negative: none is

    def add(self, now: float, *, is_failed: bool, seconds: float | None) -> str:
        """A call has ended while it is in; its answer took ``seconds``, or those at least; None: that says nothing of how fast it is.

        Return why that is too many failures; empty: it is not."""
        terms, window = self._terms, self._window
        window.add(now, 1, int(is_failed), 0)
        if seconds is not None:
            self._samples.append((now, seconds))
        if not is_failed or not terms.failures or window.calls < terms.minimum:
            return ""
        if window.failures < terms.failures * window.calls:
            return ""
        return f"{window.failures} of {window.calls} calls failed in {terms.window:g} s"

    def median(self, now: float) -> float | None:
        """The seconds to the heads of its answers of late; None: they are too few to say anything."""
        self._window.look(now)
        if self.state != IN or self._window.calls < self._terms.minimum:
            return None
        found = sorted([seconds for at, seconds in self._samples if now - at <= self._terms.window])
        return found[len(found) // 2] if found else None

    def leave(self, now: float) -> None:
        """Leave it out, again perhaps."""
        terms = self._terms
        if self.state == IN and now - self._back >= terms.max:
            self._times = 0
        self.leave_until(now + min(terms.max, terms.base * 2.0**self._times))

    def leave_until(self, until: float) -> None:
        """The same, until then."""
        self.state = OUT
        self.until = until
        self._times = min(self._times + 1, _DOUBLINGS_MAX)

    def hurry(self, now: float) -> None:
        """Somebody else has it in again: let the trials come now."""
        self.until = min(self.until, now)

    def look(self, now: float) -> bool:
        """True: its time is over, or that of a trial which hangs, and it may be asked from now on."""
        if self.state == OUT and now >= self.until:
            self.state = ON_TRIAL
            self._began = now
            self._good = 0
            self._asked = -1.0
            return True
        if self.state == ON_TRIAL and 0.0 <= self._asked <= now - self._terms.max:
            self._asked = -1.0
            return True
        return False

    @property
    def has_room(self) -> bool:
        """Whether it may be asked: it is in, or on trial and no trial is under way."""
        return self.state == IN or (self.state == ON_TRIAL and self._asked < 0.0)

    def take(self, now: float) -> None:
        """A trial begins."""
        self._asked = now

    def is_trial(self, began: float) -> bool:
        """Whether a call that began then tells how it does on trial."""
        return self.state == ON_TRIAL and began >= self._began

    def give_back(self) -> None:
        """The trial has ended, and says nothing of the member: there must be another."""
        self._asked = -1.0

    def do_well(self, now: float) -> bool:
        """A trial has ended well.  True: it is in again."""
        self._asked = -1.0
        self._good += 1
        if self._good < TRIALS:
            return False
        self.enter(now)
        return True

    def enter(self, now: float) -> None:
        """It is in again; what was before is forgotten."""
        self.state = IN
        self._back = now
        self._window.clear()
        self._samples.clear()


def median_of_others(ordered: Sequence[float], place: int | None = None) -> float:
    """The median of ``ordered``, which is sorted, without what stands at ``place``; of an even number the smaller one.

    Raises:
        IndexError: there are no others.
    """
    if place is None:
        return ordered[(len(ordered) - 1) // 2]
    middle = (len(ordered) - 2) // 2
    if middle < 0 or len(ordered) < 2:
        raise IndexError("there are no others")
    return ordered[middle if middle < place else middle + 1]


def too_slow(seconds: float, siblings: float, factor: float) -> bool:
    """Whether that is too much where the siblings take ``siblings``; ``factor``: 0: nothing is."""
    return factor > 0 and seconds >= SLOW_LEAST and seconds > factor * siblings


def most_out(count: int, share: float) -> int:
    """How many of ``count`` members may be left out at a time: their ``share``, but one at least, and never all."""
    return min(max(1, int(share * count)), count - 1) if count else 0
