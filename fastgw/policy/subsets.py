"""Which members of a service a request may go to: those whose metadata are as it asks.

A request asks for a value of each of some keys, or, where it says nothing of one, for any.  What it may ask for is worked out when others
become ready: one look-up finds its *subset*.  Each subset chooses for itself: turns, zones and newcomers are those of its members.

A subset is never emptied by ejection: where none of its members is ready all of them are asked.  A breaker that is open leaves a member
out of it for good, so a subset can be gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Final

MOST_KEYS: Final = 4  #: of what requests ask for: each doubles the subsets that a member is in

PickAmong = Callable[[Sequence[Any], Any], Any]  #: of candidates, for an exchange
Criteria = tuple[bytes, ...]  #: a value for each key; empty: any


class Subset:
    """The members with the same metadata, as what chooses among them knows the members of a service."""

    __slots__ = ("_members", "all", "pick", "ready")

    def __init__(self, members: Any) -> None:
        self._members = members
        self.all: tuple[Any, ...] = ()
        self.ready: tuple[Any, ...] = ()
        self.pick: PickAmong

    @property
    def judge(self) -> Any:
        """Of the whole service."""
        return self._members.judge


class Subsets:
    """The subsets of one service."""

    __slots__ = ("_is_any", "_keys", "_make", "_members", "_read", "_seen", "_table", "_whole")

    def __init__(
        self,
        keys: tuple[str, ...],
        read: Callable[[Any], Criteria],
        members: Any,
        make: Callable[[Any], PickAmong],
        *,
        is_any: bool,
    ) -> None:
        """``keys``: of the metadata; ``read``: what an exchange asks for; ``members``: of the service; ``make``: what picks among members,
        or those of a subset; ``is_any``: any member will do where no subset is as asked."""
        self._keys = keys
        self._read = read
        self._members = members
        self._make = make
        self._is_any = is_any
        self._seen: Any = None  # the tuple of ready members that the table is of
        self._table: dict[Criteria, Subset] = {}
        self._whole = make(members)

    def pick(self, candidates: Sequence[Any], exchange: Any) -> Any:
        """Take one of ``candidates`` that is as ``exchange`` asks; None: there is none, and no other will do."""
        asked = self._read(exchange)
        if candidates is not self._seen:
            if candidates is not self._members.ready:
                return self._pick_left(candidates, asked, exchange)
            self._renew(candidates)
        found = self._table.get(asked)
        if found is None:
            return self._take(candidates, self._whole, exchange) if self._is_any else None
        return self._take(found.ready, found.pick, exchange)

    def left(self, candidates: Sequence[Any], exchange: Any) -> tuple[Any, ...]:
        """Those of ``candidates``, some of the members, that ``exchange`` may go to."""
        return self._left(candidates, self._read(exchange))

    def _left(self, candidates: Sequence[Any], asked: Criteria) -> tuple[Any, ...]:
        found = tuple([one for one in candidates if self._is_as(one, asked)])
        return found or (tuple(candidates) if self._is_any else ())

    def _is_as(self, one: Any, asked: Criteria) -> bool:
        metadata: Mapping[str, bytes] = one.settings.metadata
        return all(not value or metadata.get(key) == value for key, value in zip(self._keys, asked, strict=True))

    def _pick_left(self, candidates: Sequence[Any], asked: Criteria, exchange: Any) -> Any:
        left = self._left(candidates, asked)
        known = self._table.get(asked)
        return self._take(left, self._whole if known is None else known.pick, exchange) if left else None

    def _take(self, candidates: Sequence[Any], pick: PickAmong, exchange: Any) -> Any:
        return candidates[0] if len(candidates) == 1 else pick(candidates, exchange)

    def _renew(self, ready: tuple[Any, ...]) -> None:
        everyone = self._members.all or ready
        known = set(everyone)
        breaking = self._members.breaking
        groups, there = self._groups(everyone), self._groups(ready)
        allowed = groups
        if breaking is not None:
            allowed = self._groups(breaking.untried((), everyone, ()))
            if len(ready) == 1 and ready[0] not in known:  # who stands for all, and asks for a subset itself
                there = {asked: [*ready] for asked in groups}
        before, self._table = self._table, {}
        for asked, group in groups.items():
            left = there.get(asked) or allowed.get(asked)
            if left:
                subset = before.get(asked) or self._made(group)
                subset.all = tuple(group)
                if tuple(left) != subset.ready:  # else what chooses knows the tuple
                    subset.ready = tuple(left)
                self._table[asked] = subset
        self._seen = ready

    def _made(self, group: Sequence[Any]) -> Subset:
        subset = Subset(self._members)
        subset.all = subset.ready = tuple(group)
        subset.pick = self._make(subset)
        return subset

    def _groups(self, members: Iterable[Any]) -> dict[Criteria, list[Any]]:
        """The members for each that may be asked for."""
        found: dict[Criteria, list[Any]] = {}
        for one in members:
            for asked in self._asked(one):
                found.setdefault(asked, []).append(one)
        return found

    def _asked(self, one: Any) -> Iterator[Criteria]:
        """Everything that ``one`` is an answer to."""
        metadata: Mapping[str, bytes] = one.settings.metadata
        return product(*[dict.fromkeys((metadata.get(key, b""), b"")) for key in self._keys])
