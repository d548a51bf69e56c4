"""Which counter block belongs to which name.

A name keeps its slot for as long as the supervisor lives, reloads included, so its counters never jump.  When a name
leaves the configuration its slot rests: exchanges of the old generation may still count there.  It goes to another
name only when no fresh slot is left, nothing is under way on it (``is_quiet``), and it is the one that rests longest;
its block is zeroed then (``clear``).  Until that the old name can come back and finds its counts.  When every slot is
taken, further names share the last one, ``other``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class SlotTable(Generic[K]):
    """Slots of one kind of name."""

    def __init__(self, size: int, is_quiet: Callable[[int], bool], clear: Callable[[int], None]) -> None:
        """``size``: blocks in the slab; the last one is ``other``."""
        self.other = size - 1
        self._is_quiet = is_quiet
        self._clear = clear
        self._fresh = 0  # slots from here on were never used
        self._used: dict[K, int] = {}
        self._resting: dict[K, int] = {}  # in the order in which the names left

    def plan(self, names: Iterable[K]) -> dict[K, int]:
        """Give every name a slot, without forgetting the present ones: the configuration may yet be refused.

        A name that is new keeps the slot it gets here even then, resting, so that a second try finds the same.
        """
        wanted = dict.fromkeys(names)
        planned: dict[K, int] = {}
        for name in wanted:
            slot = self._used.get(name)
            if slot is None:
                slot = self._resting.get(name)
            if slot is None:
                slot = self._take(wanted)
                if slot != self.other:
                    self._resting[name] = slot
            planned[name] = slot
        return planned

    def adopt(self, planned: dict[K, int]) -> None:
        """Make ``planned`` the names in use; those that left begin to rest."""
        for name, slot in self._used.items():
            if name not in planned and slot != self.other:
                self._resting[name] = slot
        self._used = dict(planned)
        for name in planned:
            self._resting.pop(name, None)

    @property
    def slots(self) -> list[int]:
        """Every slot that may hold a count, in use or resting."""
        return sorted({*self._used.values(), *self._resting.values()})

    def _take(self, wanted: dict[K, None]) -> int:
        if self._fresh < self.other:
            self._fresh += 1
            return self._fresh - 1
        for name, slot in self._resting.items():
            if name not in wanted and self._is_quiet(slot):
                del self._resting[name]
                self._clear(slot)
                return slot
        return self.other
