"""The places of a service, counted on the board for all workers (``live.holds``), and this worker's part in them.

Of each *rank* (a class of priority, 0 is the first) those reserved for it are one cell, and those for all another, so that each is kept
exactly.  One of its own rank is taken first, or else a common one; where a worker dies its places are given back for it.

So that this is fair a worker says on the board of which ranks somebody waits here, and leaves a common place to others where a higher rank
waits there, or the same and it has more than its part (``policy.queue.yields``).  If nobody takes the place for ``PATIENCE`` looks, as one
of them stands still, it is taken here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastgw.core.live.board import NAMED
from fastgw.core.live.words import MAX_HELD, REFUSED
from fastgw.policy.queue import shares, yields

if TYPE_CHECKING:
    from fastgw.core.live.limit import AdaptiveLimit
    from fastgw.core.plane import Plane
    from fastgw.core.settings import AdmissionSettings

PATIENCE: Final = 5  #: looks


class GatePlace:
    """One place, or none yet."""

    __slots__ = ("cell", "is_common", "rank")

    def __init__(self, rank: int) -> None:
        """``rank``: whose it is."""
        self.rank = rank
        self.cell = -1  #: of the board; -1: there is none
        self.is_common = False  #: it is one of all ranks


class ServicePlaces:
    """The places of one service as one worker has them."""

    __slots__ = (
        "_common",
        "_common_key",
        "_deferred",
        "_flags",
        "_is_left_free",
        "_keys",
        "_learner",
        "_name",
        "_own",
        "_plane",
        "_seat",
        "_settings",
        "_waiting_keys",
        "adaptive",
        "held",
        "limit",
    )

    _settings: AdmissionSettings

    def __init__(self, name: str, plane: Plane) -> None:
        """``name``: of the service, whose places outlive its configuration; ``apply`` comes next."""
        self._plane = plane
        self._seat = plane.seat
        self._name = name.encode()
        self._deferred = 0  # looks in a row at which a free place was left to others
        self._is_left_free = False  # one was at this look
        self._own: tuple[int, ...] = ()
        self._common = 0
        self._common_key = self._key(b"common")
        self._keys: list[int] = []  # by rank
        self._learner: AdaptiveLimit | None = None
        self._waiting_keys: list[int] = []
        self._flags: list[int] = []  # by rank, the cell that says that somebody waits here; -1: nobody does
        self.held = 0  #: common places that exchanges of this worker have
        self.limit = 0  #: how many places there are
        self.adaptive: AdaptiveLimit | None = None  #: that this is learned by; None: it is fixed

    def _key(self, *parts: bytes) -> int:
        found: int = self._seat.key_of(b"admission", self._name, *parts)
        return found

    def apply(self, settings: AdmissionSettings) -> None:
        """These hold from now on; nobody waits until ``show`` says so."""
        self._settings = settings
        for cell in self._flags:
            if cell >= 0:
                self._seat.give(cell)
        self._keys = [self._key(b"own", one.encode()) for one in settings.classes]
        self._waiting_keys = [self._key(b"waiting", one.encode()) for one in settings.classes]
        self._flags = [-1] * len(self._keys)
        self.limit = 0  # whatever it is, the parts of the classes may be others
        self.adaptive = self.learner() if settings.most else None
        if self.adaptive is not None:
            self.adaptive.apply(settings.limit, settings.least, settings.most)
        self.divide()

    def learner(self) -> AdaptiveLimit:
        """What the limit is learned by, whether it is used yet or not."""
        if self._learner is None:
            from fastgw.core.live.limit import AdaptiveLimit  # which a worker with fixed limits does not need

            self._learner = AdaptiveLimit(self._seat.board, self._key(b"limit"), self._plane.clock)
        return self._learner

    def divide(self) -> int:
        """See what the limit is now, and whose the places are; the limit."""
        limit = self._settings.limit if self.adaptive is None else self.adaptive.value()
        if limit != self.limit:
            self.limit = limit
            self._own, self._common = shares(limit, self._settings.reserved)
        return limit

    def is_free(self, rank: int, *, is_behind: bool) -> bool:
        """Whether ``take`` would find a place for one of this rank now."""
        if self.adaptive is not None:
            self.divide()
        seat = self._seat
        if seat.count(NAMED, self._keys[rank]) < self._own[rank]:
            return True
        return not is_behind and seat.count(NAMED, self._common_key) < self._common and not self._yields(rank)

    def take(self, place: GatePlace, is_behind: bool = False) -> int:
        """Take what ``place`` shall be, by its ``rank``: the cell, which it has from now on, or REFUSED or NO_ROOM.

        ``is_behind``: others wait for a common place, so only one of its own rank will do.
        """
        if self.adaptive is not None:
            self.divide()
        seat, rank = self._seat, place.rank
        outcome = REFUSED
        if self._own[rank]:
            outcome = seat.take(NAMED, self._keys[rank], self._own[rank])
        if outcome == REFUSED and self._common and not is_behind:
            if not self._yields(rank):
                outcome = seat.take(NAMED, self._common_key, self._common)
                place.is_common = outcome >= 0
            elif seat.count(NAMED, self._common_key) < self._common:
                self._is_left_free = True
        if outcome >= 0:
            place.cell = outcome
            if place.is_common:
                self.held += 1
        elif self.adaptive is not None:
            self.adaptive.was_full = True
        return outcome

    def give(self, place: GatePlace) -> None:
        """Give back ``place``."""
        if place.is_common:
            self.held -= 1
            place.is_common = False
        self._seat.give(place.cell)
        place.cell = -1

    def _yields(self, rank: int) -> bool:
        """Whether a free common place is left to another worker."""
        if self._deferred >= PATIENCE:
            return False
        higher = 0
        for one in range(rank):
            higher += self._others(one)
        same = self._others(rank)
        return (same > 0 or higher > 0) and yields(self.held, self._common, same=same, higher=higher)

    def _others(self, rank: int) -> int:
        """Other workers where somebody of this rank waits."""
        found: int = self._seat.count(NAMED, self._waiting_keys[rank])
        return found - (self._flags[rank] >= 0)

    def show(self, rank: int, *, waits: bool) -> None:
        """Say to others whether somebody of this rank waits here."""
        cell = self._flags[rank]
        if waits and cell < 0:
            self._flags[rank] = self._seat.take(NAMED, self._waiting_keys[rank], MAX_HELD)
        elif not waits and cell >= 0:
            self._flags[rank] = -1
            self._seat.give(cell)

    def begin_look(self) -> None:
        """Those who wait here are asked now whether there is a place for them."""
        self._is_left_free = False

    def end_look(self) -> None:
        """They have been."""
        self._deferred = self._deferred + 1 if self._is_left_free else 0
