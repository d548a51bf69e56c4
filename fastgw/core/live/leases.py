"""A limit that several nodes share, as one node counts it: on the board, by what it holds of a bucket that stands elsewhere.

Three cells of times for each key, all changed by compare-and-swap, by whatever worker:

    lease    what this node holds, or owes (``policy.leases``)
    bucket   when the bucket of all nodes is full, as far as this node knows: as it was told last
    asked    until then nobody asks for more: somebody has, or there is nothing to be had

No request waits for what is asked.  One that finds enough in the lease takes it.  One that does not is admitted all the same if there
should be enough in the bucket, but the node owes no more than a block: that is how a key begins.  (What is more than a block is never there
at once, so a node that owes nothing may owe all of it.)  What is owed is taken from the bucket with the next question, whether it is there
or not.  So everything that a node admits is taken from the bucket, before or after; what is lost with an answer that never came admits
fewer.  Only where nobody can be asked, and the limit says so (``is_alone``), a node goes on by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from fastgw.core.live.meters import TRIES, Clock, NoRoomError
from fastgw.core.live.readings import Reading, change, peek, read
from fastgw.policy.gcra import LONGEST
from fastgw.policy.leases import MOST, LeaseTerms, balance

if TYPE_CHECKING:
    from fastgw.core.live.board import Board, Table
    from fastgw.core.live.news import LeasePlaces
    from fastgw.policy.amounts import Amounts

SOON: Final = 10_000_000  #: nanoseconds: what who is refused for want of an answer is told to wait at least

_HELD, _OWED, _ALONE, _REFUSED = range(4)


class Shared(NamedTuple):
    """A limit that several nodes share."""

    rate: Amounts
    terms: LeaseTerms
    is_alone: bool  #: where nobody can be asked this node goes on with the bucket as it knows it


def known_here(rate: Amounts, bucket: int, has: int, now: int) -> int:
    """The ``bucket`` as a node knows it that ``has`` so much of it, or owes it: what it holds is in it, and what it owes is not."""
    known = rate.sound(bucket, now)
    return rate.given(known, now, has) if has >= 0 else rate.taken(known, now, -has)


class Lease:
    """What the node has of one key, for one exchange."""

    __slots__ = (
        "_board",
        "_clock",
        "_how",
        "_is_there",
        "_seen",
        "_shared",
        "_table",
        "is_low",
        "needs",
        "now",
        "places",
        "rate",
        "taken",
        "time",
    )

    def __init__(
        self,
        board: Board,
        table: Table,
        places: LeasePlaces,
        shared: Shared,
        clock: Clock,
        needs: int,
        takes: int,
        *,
        is_there: bool,
    ) -> None:
        """``needs``: how much must be there to be admitted; ``takes``: how much is taken then, maybe more, as far as it can be given back;
        ``is_there``: can anybody be asked?"""
        self._board = board
        self._table = table
        self._shared = shared
        self._clock = clock
        self.needs = needs
        self._seen = Reading(-1, 0, 0)
        self._how = _REFUSED
        self._is_there = is_there
        self.places = places
        self.rate = shared.rate
        self.taken = min(takes, max(needs, min(shared.rate.ahead, MOST // 2)))  #: so far
        self.time = self.now = (
            0  #: the bucket as far as is known, with what is held in it and what is owed taken out; and when
        )
        self.is_low = False  #: is it time to ask for more?

    @property
    def wait(self) -> int:
        """Nanoseconds from ``now`` until it would be admitted."""
        return max(SOON, self.rate.wait(self.time, self.now, self.needs))

    @property
    def is_gone(self) -> bool:
        """Is it refused only because nobody can be asked?"""
        return self._how == _REFUSED and not self._is_there and not self.rate.wait(self.time, self.now, self.needs)

    @property
    def is_awaited(self) -> bool:
        """Is it refused only because more has been asked for, and is not here yet?"""
        return self._how == _REFUSED and self._is_there and not self.rate.wait(self.time, self.now, self.needs)

    def look(self) -> bool:
        """See ``tabs.Bucket``."""
        seen = self._seen = read(self._board, self._table, self.places.lease, self._clock)
        now = self.now = seen.now
        has = balance(seen.value, now)
        rate = self.rate
        self.time = known_here(rate, peek(self._board, self._table, self.places.bucket), has, now)
        self.is_low = self._is_there and self._shared.terms.is_low(seen.value, now)
        if has >= self.needs:
            self._how = _HELD
        elif self._is_there:
            most = self._shared.terms.block if has < 0 else max(self._shared.terms.block, self.needs)
            is_owed = has - self.needs >= -most and not rate.wait(self.time, now, self.needs)
            self._how = _OWED if is_owed else _REFUSED
        else:
            is_free = self._shared.is_alone and not rate.wait(self.time, now, self.needs)
            self._how = _ALONE if is_free else _REFUSED
        return self._how != _REFUSED

    def charge(self) -> bool:
        """See ``tabs.Bucket``."""
        for _ in range(TRIES):
            if self._how == _ALONE:
                return self._charge_alone()
            seen = self._seen
            after = self._after(seen.value, seen.now, -self.taken)
            if self._board.compare_and_swap(seen.cell, seen.value, after):
                self.is_low = self._is_there and self._shared.terms.is_low(after, seen.now)
                self.time = self.rate.taken(self.time, seen.now, self.taken)
                return True
            if not self.look():
                return False
        raise NoRoomError

    def undo(self) -> None:
        """See ``tabs.Bucket``."""
        try:
            self.settle(0)
        except NoRoomError:
            return

    def settle(self, used: int) -> None:
        """The exchange is over, and so much was used.  Raises NoRoomError: it cannot be written down."""
        more, self.taken = used - self.taken, used
        if not more:
            return
        if self._how == _ALONE:
            rate = self.rate
            self._change(
                self.places.bucket,
                lambda time, now: rate.taken(time, now, more) if more > 0 else rate.given(time, now, -more),
            )
        else:
            number = self._change(self.places.lease, lambda number, now: self._after(number, now, -more))
            self.is_low = self._is_there and self._shared.terms.is_low(number, self._clock())

    def ask(self, limit: int) -> int:
        """Have the right to ask for more, for ``limit`` nanoseconds: until when; 0: somebody else has, or there is no room."""
        try:
            seen = read(self._board, self._table, self.places.asked, self._clock)
        except NoRoomError:
            return 0
        until = seen.now + limit
        is_ours = seen.value <= seen.now and self._board.compare_and_swap(seen.cell, seen.value, until)
        return until if is_ours else 0

    def _charge_alone(self) -> bool:
        rate, needs, takes = self.rate, self.needs, self.taken
        for _ in range(TRIES):
            seen = read(self._board, self._table, self.places.bucket, self._clock)
            time = rate.sound(seen.value, seen.now)
            if rate.wait(time, seen.now, needs):
                return False
            if self._board.compare_and_swap(seen.cell, seen.value, rate.taken(time, seen.now, takes)):
                self.time = rate.taken(self.time, seen.now, takes)
                return True
        raise NoRoomError

    def _after(self, number: int, now: int, more: int) -> int:
        left = balance(number, now) + more
        owing = min(self.rate.span(min(-left, MOST)), LONGEST) if left < 0 else 0
        return self._shared.terms.changed(number, now, more, owing)

    def _change(self, key: int, after: Callable[[int, int], int]) -> int:
        return change(self._board, self._table, key, self._clock, after)
