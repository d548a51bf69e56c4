"""Which members of a service have a model, as they say themselves; and who is asked for it: one of those.

An engine may have models beside its own (adapters such as LoRA), which come and go at each member.  Where nobody is known to have a model
any member is asked: it knows best, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final


class ModelTable:
    """Of one service."""

    __slots__ = ("_lists", "names", "places")

    def __init__(self) -> None:
        self._lists: Mapping[str, tuple[str, ...]] = {}
        self.places: dict[str, frozenset[str]] = {}  #: by model, who has it; replaced by another where that changes
        self.names: tuple[str, ...] = ()  #: of all models, sorted

    def learn(self, lists: Mapping[str, tuple[str, ...]]) -> None:
        """Members have these, by their addresses; of others nothing is known."""
        if lists == self._lists:
            return
        found: dict[str, set[str]] = {}
        for place, names in lists.items():
            for name in names:
                found.setdefault(name, set()).add(place)
        known = {one: one for one in map(frozenset, found.values())}  # what is equal is the same one
        self._lists = lists
        self.places = {name: known[frozenset(places)] for name, places in found.items()}
        self.names = tuple(sorted(self.places))


class ModelTables:
    """Those of one worker, by service."""

    def __init__(self) -> None:
        self._tables: dict[str, ModelTable] = {}

    def of(self, service: str) -> ModelTable:
        """That of one service, now and later."""
        return self._tables.setdefault(service, ModelTable())

    def retain(self, services: Collection[str]) -> None:
        """Forget all but those of these services."""
        self._tables = {service: one for service, one in self._tables.items() if service in services}


TABLES: Final = ModelTables()  #: those of this process


class Some:
    """Members that have the same models, as what chooses among them knows the members of a service."""

    __slots__ = ("_members", "all", "pick", "ready")

    def __init__(self, members: Any, some: tuple[Any, ...]) -> None:
        self._members = members
        self.all = self.ready = some
        self.pick: Callable[[Sequence[Any], Any], Any]

    @property
    def judge(self) -> Any:
        """Of the whole service."""
        return self._members.judge


class Having:
    """Picks those that have a model."""

    __slots__ = ("_known", "_make", "_members", "_of", "_otherwise", "_seen", "_table")

    def __init__(
        self,
        table: ModelTable,
        members: Any,
        make: Callable[[Any], Callable[[Sequence[Any], Any], Any]],
        otherwise: Callable[[Sequence[Any], Any], Any],
    ) -> None:
        """``table``: who has what; ``members``: of the service; ``make``: what picks among some of them; ``otherwise``: among all."""
        self._table = table
        self._members = members
        self._make = make
        self._otherwise = otherwise
        self._seen: Any = None  # the tuple of ready members that the following is of
        self._of: Any = None  # and the places
        self._known: dict[frozenset[str], Some] = {}

    def pick(self, candidates: Sequence[Any], model: str, exchange: Any) -> Any:
        """One of ``candidates`` that has ``model``; where none of them has it, but other members do, one of those."""
        places = self._table.places.get(model)
        if places is None:
            return self._otherwise(candidates, exchange)
        if candidates is not self._members.ready:
            left = [one for one in candidates if one.place in places]
            if left:
                return left[0] if len(left) == 1 else self._some(places).pick(left, exchange)
            return exchange.tried[-1] if exchange.tried else self._anybody(places, candidates, exchange)
        some = self._some(places)
        if len(some.ready) == 1:
            return some.ready[0]
        return some.pick(some.ready, exchange) if some.ready else self._anybody(places, candidates, exchange)

    def _some(self, places: frozenset[str]) -> Some:
        ready = self._members.ready
        if ready is not self._seen or self._table.places is not self._of:
            self._seen, self._of, self._known = ready, self._table.places, {}
        found = self._known.get(places)
        if found is None:
            found = Some(self._members, tuple([one for one in ready if one.place in places]))
            found.pick = self._make(found)
            self._known[places] = found
        return found

    def _anybody(self, places: frozenset[str], candidates: Sequence[Any], exchange: Any) -> Any:
        """Nobody that has it is ready: an error of who has it says more than that another does not."""
        for one in self._members.all:
            if one.place in places:
                return one
        return self._otherwise(candidates, exchange)
