"""When a service, or one member of it, is left alone for a while because too many of its calls fail, or are slow.

    closed ── too many of the last calls failed, or were slow ──▶ open ── its time is over ──▶ half open ── trials ended well ──▶ closed
                                                                   ▲                              │
                                                                   └── one did not: twice as long ┘

Calls are counted over a sliding window, in ``BUCKETS`` parts of it, so what is kept does not grow with the number of calls.  The open time
doubles from ``base`` up to ``max``, less up to ``JITTER`` of it by chance, and begins at ``base`` again once it was closed for ``max``.
While it is half open ``trials`` calls are let through at once; those that say nothing for ``max`` leave their places to others, so what
hangs for long holds nobody up.  Times are seconds of any clock that does not go back, chance is a number of [0, 1).
"""

from __future__ import annotations

from typing import Final, Protocol

CLOSED: Final = "closed"
OPEN: Final = "open"
HALF_OPEN: Final = "half_open"

BUCKETS: Final = 10
JITTER: Final = 0.2  #: the part of an open time by which chance shortens it, so that breakers do not stay in step
_DOUBLINGS_MAX: Final = 60  #: beyond it every time is ``max``; bounds the number


class Thresholds(Protocol):
    """What an operator can set."""

    @property
    def failures(self) -> float:
        """The part of the calls, up to 1, that fails when it opens; 0: it does not open for failures."""

    @property
    def slow(self) -> float:
        """The same of slow ones."""

    @property
    def minimum(self) -> int:
        """Calls in the window before it may open."""

    @property
    def window(self) -> float:
        """Seconds."""

    @property
    def base(self) -> float:
        """Seconds that it is open the first time, more than 0."""

    @property
    def max(self) -> float:
        """The longest, ``base`` or more."""

    @property
    def trials(self) -> int:
        """Calls let through while it is half open; as many must end well."""


class Window:
    """What the calls of the last seconds were, up to a tenth of them."""

    __slots__ = ("_buckets", "_turn", "_width", "calls", "failures", "slow")

    def __init__(self, seconds: float) -> None:
        self._width = seconds / BUCKETS
        self.clear()

    def clear(self) -> None:
        """Forget all of them."""
        self.calls = self.failures = self.slow = 0
        self._turn = 0  # the number of the bucket that is filled, since the clock began
        self._buckets = [(0, 0, 0)] * BUCKETS  # but for the one that is filled: its calls are those in no other

    def add(self, now: float, calls: int, failures: int, slow: int) -> None:
        """So many more."""
        self.look(now)
        self.calls += calls
        self.failures += failures
        self.slow += slow

    def look(self, now: float) -> None:
        """Forget what is too old."""
        turn = int(now / self._width)
        if turn > self._turn:
            self._turn_to(turn)

    def _turn_to(self, turn: int) -> None:
        calls, failures, slow = map(sum, zip(*self._buckets, strict=True))
        self._buckets[self._turn % BUCKETS] = (self.calls - calls, self.failures - failures, self.slow - slow)
        for passed in range(self._turn + 1, min(turn, self._turn + BUCKETS) + 1):
            place = passed % BUCKETS
            calls, failures, slow = self._buckets[place]
            self._buckets[place] = (0, 0, 0)
            self.calls -= calls
            self.failures -= failures
            self.slow -= slow
        self._turn = turn


class BreakerState:
    """One breaker; ``state`` is one of ``CLOSED``, ``OPEN`` and ``HALF_OPEN``."""

    __slots__ = (
        "_began",
        "_closed",
        "_given",
        "_good",
        "_round",
        "_terms",
        "_times",
        "state",
        "until",
        "why",
        "window",
    )

    def __init__(self, terms: Thresholds) -> None:
        self._terms = terms
        self.window = Window(terms.window)
        self.state = CLOSED
        self.until = 0.0  #: when the open time is over, or was
        self.why = ""  #: why it opened last, in words
        self._times = 0  # openings without having been closed for ``max`` in between
        self._closed = 0.0  # when it was closed last
        self._began = 0.0  # when it was half open first since it was open
        self._round = 0.0  # when places for trials were given out last
        self._given = 0  # of them, since then
        self._good = 0  # trials that ended well

    def is_quiet(self) -> bool:
        """Whether a call that ends well is only counted (``window.add``): it is closed, and nothing in the window failed or was slow."""
        return self.state == CLOSED and not self.window.failures and not self.window.slow

    def note(
        self, now: float, began: float, chance: float, *, calls: int, failures: int, slow: int, cause: str = ""
    ) -> bool:
        """Calls that began then have ended so, or are slow by now.  True: the state is another one.

        Args:
            now: the time.
            began: when they were sent.
            chance: shortens the open time.
            calls: how many.
            failures: of them; or of such as were counted before, as slow ones say.
            slow: of them.
            cause: what the last failure was, for ``why``.
        """
        if self.state == CLOSED:
            self.window.add(now, calls, failures, slow)
            reason = self._excess()
            if not reason:
                return False
            self.why = f"{reason}; the last one: {cause}" if cause else reason
            self._open(now, chance)
            return True
        if self.state == OPEN or began < self._began:
            return False  # it began before, and says nothing new
        if failures or slow:
            self.why = (
                f"a trial {'failed' if failures else 'was slow'}: {cause}" if cause else "a trial did not end well"
            )
            self._open(now, chance)
            return True
        self._good += calls
        if self._good < self._terms.trials:
            return False
        self.close(now)
        return True

    def _excess(self) -> str:
        terms, window = self._terms, self.window
        if window.calls < terms.minimum:
            return ""
        told = ""
        if terms.failures and window.failures >= terms.failures * window.calls:
            told = f"{window.failures} of {window.calls} calls failed"
        if terms.slow and window.slow >= terms.slow * window.calls:
            slow = f"{window.slow} of {window.calls} calls were slow"
            told = f"{told}, {slow}" if told else slow
        return f"{told} in {terms.window:g} s" if told else ""

    def _open(self, now: float, chance: float) -> None:
        terms = self._terms
        if self.state == CLOSED and now - self._closed >= terms.max:
            self._times = 0
        seconds = min(terms.max, terms.base * 2.0**self._times)
        self.open(now + seconds * (1.0 - JITTER * chance))

    def open(self, until: float) -> None:
        """Let nothing through until then."""
        self.state = OPEN
        self.until = until
        self._times = min(self._times + 1, _DOUBLINGS_MAX)

    def close(self, now: float) -> None:
        """Everything passes; what was counted before is forgotten."""
        self.state = CLOSED
        self._closed = now
        self.window.clear()

    def hurry(self, now: float) -> None:
        """Somebody else has it closed: let the trials come now."""
        self.until = min(self.until, now)

    def look(self, now: float) -> bool:
        """True: its time is over, and it is half open from now on."""
        if self.state != OPEN or now < self.until:
            return False
        self.state = HALF_OPEN
        self._began = self._round = now
        self._given = self._good = 0
        return True

    def has_room(self, now: float) -> bool:
        """Whether a trial may pass: it is half open, and some place is free, or belongs to one that hangs."""
        return self.state == HALF_OPEN and (self._given < self._terms.trials or now - self._round >= self._terms.max)

    def take(self, now: float) -> None:
        """A trial passes: there is room."""
        if self._given >= self._terms.trials:
            self._given = self._good
            self._round = now
        self._given += 1

    def give_back(self, began: float) -> None:
        """A call that began then says nothing of the service: if it was a trial there must be another."""
        if self.state == HALF_OPEN and began >= self._round and self._given > self._good:
            self._given -= 1
