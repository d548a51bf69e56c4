"""Members that are new, or back, get their share bit by bit.

One that has been there for a part of the window weighs that part of its weight, ``LEAST`` at least.  Balancers know nothing of it: one
that a balancer has picked, and that has not settled yet, is taken by chance, and otherwise one of those that have.  The chance is such that
turns by turn it gets just that share.  A balancer that prefers who is idle, which a newcomer is, gives it more than a turn; even if it
were picked every time it would get no more than that chance of all requests.

Where nobody has settled there is nobody to be spared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

LEAST: Final = 0.05  #: part of its weight that one has at once
ANEW: Final = 0.05  #: seconds until the chances are worked out again

Pick = Callable[[Sequence[Any]], Any]


class SlowStart:
    """The newcomers of one service."""

    __slots__ = (
        "_again",
        "_among",
        "_clock",
        "_factor",
        "_is_member",
        "_known",
        "_random",
        "_seen",
        "_settled",
        "_since",
        "_window",
    )

    def __init__(
        self,
        window: float,
        known: Iterable[Any],
        random: Callable[[], float],
        clock: Callable[[], float],
        is_member: Callable[[Any], bool],
    ) -> None:
        """``window``: seconds; ``known``: members that are ready already; ``random``: [0, 1); ``clock``: seconds;
        ``is_member``: whether one that is ready is a member, and not who stands for all of them for a while."""
        self._is_member = is_member
        self._window = window
        self._random = random
        self._clock = clock
        self._known = frozenset(known)  # those of the last tuple
        self._seen: Any = None
        self._since: dict[Any, float] = {}  # when each came that has not settled
        self._among: Any = None  # the tuple of candidates that ``_settled`` is of
        self._settled: tuple[Any, ...] = ()
        self._again = 0.0  # when the rest is worked out anew
        self._factor = 1.0  # between the part of a newcomer and its chance

    def part(self, member: Any) -> float:
        """Of its weight, that ``member`` has now."""
        since = self._since.get(member)
        if since is None:
            return 1.0
        return max(LEAST, min(1.0, (self._clock() - since) / self._window))

    def pick(self, ready: Sequence[Any], candidates: Sequence[Any], pick: Pick, among_settled: Pick) -> Any:
        """Take one of ``candidates``, which are some or all of ``ready``, all that are ready now.

        ``pick`` takes one of them, ``among_settled`` where only those that have settled are left.
        """
        if ready is not self._seen:
            self._learn(ready)
        found = pick(candidates)
        if found not in self._since:
            return found
        now = self._clock()
        if now >= self._again or candidates is not self._among:
            self._renew(now, candidates)
        if not self._settled or self._random() < self.part(found) * self._factor:
            return found
        return among_settled(self._settled)

    def _learn(self, ready: Sequence[Any]) -> None:
        if not self._is_member(ready[0]):
            return  # nobody has left, and who is ready again behind it is not new for that
        now = self._clock()
        there = frozenset(ready)
        if self._known:
            self._since.update(dict.fromkeys(there - self._known, now))
        self._since = {one: since for one, since in self._since.items() if one in there}
        self._known = there
        self._seen = ready if type(ready) is tuple else None  # a list may change under its identity
        self._again = now

    def _renew(self, now: float, candidates: Sequence[Any]) -> None:
        self._again = now + ANEW
        for one in [one for one, since in self._since.items() if now - since >= self._window]:
            del self._since[one]
        settled = tuple([one for one in candidates if one not in self._since])
        if settled != self._settled:  # else balancers know the tuple
            self._settled = settled
        self._among = candidates if type(candidates) is tuple else None
        weights = sum([one.weight for one in candidates])
        self._factor = weights / sum([self.part(one) * one.weight for one in candidates])
