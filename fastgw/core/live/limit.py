"""A limit that all workers learn together (``policy.gradient``): each observes its own answers, and what one concludes holds for all.

It is a cell of times on the board: the low bits are the limit, and above them stands until when it is known, ``KEPT`` behind the last
change.  So it is spent, and its place free for another key, when nobody has changed it for that long.  Whoever ends a window changes it,
unless another has done so within the last one.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.live.board import NAMED_TIMES
from fastgw.core.live.meters import NoRoomError
from fastgw.core.live.readings import change, read
from fastgw.policy.gradient import WINDOW, Gradient

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastgw.core.live.board import Board
    from fastgw.core.live.meters import Clock
    from fastgw.errors import GatewayError

KEPT: Final = 3600 * 10**9  #: nanoseconds
FRACTION: Final = 16  #: the limit is kept in such parts of a place
MOST: Final = 2**20 // FRACTION - 1  #: of a limit
OVERLOADED: Final = frozenset({429, 503, 504, 529})  #: statuses by which services say that they are

_BITS: Final = 20
_MASK: Final = (1 << _BITS) - 1
_AGAIN: Final = 0.1  # seconds after which what others have learned is read


class AdaptiveLimit:
    """The limit of one service as one worker has it; a ``Judge`` of the service's members."""

    __slots__ = (
        "_board",
        "_clock",
        "_gradient",
        "_key",
        "_least",
        "_most",
        "_nanoseconds",
        "_read_at",
        "_start",
        "_value",
        "was_full",
    )

    def __init__(
        self, board: Board | None, key: int, clock: Callable[[], float], nanoseconds: Clock = time.monotonic_ns
    ) -> None:
        """``board``: None: nobody else learns; ``clock``: seconds, ``nanoseconds``: the same of all processes (``meters``)."""
        self._board = board
        self._key = key
        self._clock = clock
        self._nanoseconds = nanoseconds
        self._gradient = Gradient(clock())
        self._start = self._least = self._most = 1
        self._value = 0.0
        self._read_at = float("-inf")
        self.was_full = False  #: it has kept somebody out in this window

    def apply(self, start: int, least: int, most: int) -> None:
        """Where it begins, and its bounds: a limit that is known already moves into them."""
        self._start, self._least, self._most = start, least, most
        self._value = min(most, max(least, self._value or start))
        self._read_at = float("-inf")

    def begin_at(self, start: int, *, is_news: bool) -> None:
        """It begins there from now on; ``is_news``: and one that is less has only begun, and is raised."""
        self._start = start = min(self._most, max(self._least, start))
        if not is_news or self._board is None or start <= self._shared():
            return

        def raised(value: int, when: int) -> int:
            return _cell(max(start, self._limit(value, when)), when)

        with suppress(NoRoomError):
            change(self._board, NAMED_TIMES, self._key, self._nanoseconds, raised)
        self._read_at = float("-inf")

    def value(self) -> int:
        """The limit now, 0.1 s ago at most."""
        now = self._clock()
        if now - self._read_at >= _AGAIN:
            self._read_at = now
            self._value = self._shared()
        return int(self._value)

    def settle(self, endpoint: Any, outcome: GatewayError | int, seconds: float) -> None:
        """See ``Judge``: timeouts, failures and what says that it is overloaded are no answers, and clients that leave are nothing."""
        gradient = self._gradient
        if isinstance(outcome, int):
            if outcome in OVERLOADED:
                gradient.drop()
            else:
                gradient.sample(seconds)
        elif outcome.fault == "upstream":
            gradient.drop()
        else:
            return
        now = self._clock()
        if gradient.is_due(now):
            self._conclude(now)

    def _conclude(self, now: float) -> None:
        gradient, is_used = self._gradient, self.was_full
        self.was_full = False
        wanted = gradient.next(self._shared(), now, is_used=is_used, least=self._least, most=self._most)
        is_probe = gradient.resumes > 0

        def after(value: int, when: int) -> int:
            is_new = value > when and when + KEPT - value < WINDOW * 1e9
            return value if is_new and not is_probe else _cell(wanted, when)

        self._read_at, self._value = now, wanted
        if self._board is not None:
            with suppress(NoRoomError):  # then this worker goes on by what it knows itself
                self._value = self._limit(
                    change(self._board, NAMED_TIMES, self._key, self._nanoseconds, after), self._nanoseconds()
                )

    def _shared(self) -> float:
        if self._board is None:
            return self._value
        try:
            seen = read(self._board, NAMED_TIMES, self._key, self._nanoseconds)
        except NoRoomError:
            return self._value
        return self._limit(seen.value, seen.now)

    def _limit(self, value: int, now: int) -> float:
        """What a cell with ``value`` says; where it says nothing any more, where it begins."""
        found = (value & _MASK) / FRACTION if value > now else self._start
        return min(self._most, max(self._least, found))


def _cell(limit: float, now: int) -> int:
    return (now + KEPT) >> _BITS << _BITS | int(limit * FRACTION)
