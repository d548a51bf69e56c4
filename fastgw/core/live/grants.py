"""What is asked of a bucket that several nodes share, and what becomes of the answer: the other side of ``live.leases``.

Who asks has the right to (``Lease.ask``), so there is one question of a key at a time, whoever noticed that it was needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from fastgw.core.live.board import KEYED_TIMES, NAMED_TIMES
from fastgw.core.live.meters import Clock, NoRoomError
from fastgw.core.live.readings import change, read
from fastgw.policy.amounts import Amounts
from fastgw.policy.leases import LeaseTerms
from fastgw.policy.window_amounts import WindowAmounts

if TYPE_CHECKING:
    from fastgw.core.live.board import Board
    from fastgw.core.live.news import Ask

PAUSE: Final = 50_000_000  #: nanoseconds between two questions of a key whose bucket is empty, about, or longer


class Question(NamedTuple):
    """What to ask for, and what we know."""

    owed: int  #: to be taken, whether it is there or not
    missing: int  #: to be had, if it is there
    lack: int  #: how far the bucket is from full, at least, as far as we know: nanoseconds, or of a window what is used
    at: int  #: when this was so


class Grant(NamedTuple):
    """The answer."""

    granted: int
    lack: int  #: how far the bucket is from full, as of then


class Inquiry:
    """One question of a key, on the board."""

    __slots__ = ("_ask", "_board", "_clock", "_rate", "_table", "_terms")

    def __init__(self, board: Board, ask: Ask, clock: Clock) -> None:
        self._board = board
        self._ask = ask
        self._clock = clock
        self._rate = (
            WindowAmounts(ask.amount, ask.period, ask.end) if ask.end else Amounts(ask.amount, ask.period, ask.burst)
        )
        self._terms = LeaseTerms(ask.block, ask.age, self._rate.depth)
        self._table = KEYED_TIMES if ask.is_of_clients else NAMED_TIMES

    def question(self) -> Question:
        """What to ask; raises NoRoomError."""
        lease = read(self._board, self._table, self._ask.places.lease, self._clock)
        bucket = read(self._board, self._table, self._ask.places.bucket, self._clock)
        owed, missing = self._terms.asks(lease.value, lease.now)
        return Question(owed, missing, self._rate.lacks(bucket.value, bucket.now), bucket.now)

    def answered(self, question: Question, grant: Grant, chance: float) -> None:
        """Take what was granted, and remember what was told; if there is no room for it, it is lost.

        ``chance``: a number of [0, 1), by which gateways that share an empty bucket do not stay in step, one always behind the other.
        """
        places, terms = self._ask.places, self._terms
        gained = question.owed + grant.granted
        # As of when it was asked: what we know is never later than the truth, so it can be told to one that has lost its memory.
        known = self._rate.lacking(grant.lack, question.at)
        pause = 0
        try:
            if gained:
                self._change(places.lease, lambda number, now: terms.renewed(number, now, gained))
            self._change(places.bucket, lambda time, now: known if known > now else min(time, now))
            if grant.granted < question.missing:
                now = self._clock()
                pause = int(min(self._rate.span(terms.block) // 2, PAUSE) * (0.5 + chance))
                pause = max(pause, self._rate.wait(known, now, 1))
        except NoRoomError:
            pause = PAUSE
        self._rest(pause)

    def failed(self) -> None:
        """Nobody answered; somebody may ask again soon."""
        self._rest(PAUSE)

    def _rest(self, pause: int) -> None:
        until = self._ask.until

        def after(value: int, now: int) -> int:
            return now + pause if value == until else value

        try:
            self._change(self._ask.places.asked, after)
        except NoRoomError:
            return

    def _change(self, key: int, after: Callable[[int, int], int]) -> None:
        change(self._board, self._table, key, self._clock, after)
