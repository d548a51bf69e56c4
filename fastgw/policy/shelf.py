"""What is kept, within bounds: by the place it is of, by a key, and of one key in variants.

The place (scheme, host and target) is what an unsafe request makes invalid, whatever else is in the keys.  What was used least recently
goes first.  A variant is chosen by the fields of the request that its answer has named in ``Vary`` (RFC 9111 section 4.1).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, Generic, Protocol, TypeVar

Selector = Callable[[bytes], bytes | None]  #: reads a field of a request by its lower-case name
Selected = tuple[tuple[bytes, bytes | None], ...]  #: names of fields, and the values that the request had

OVERHEAD: Final = 1024  #: bytes that an item takes beside what it says itself


class Shelved(Protocol):
    """Something that is kept."""

    @property
    def place(self) -> bytes:
        """What it is of."""

    @property
    def key(self) -> Hashable:
        """Whom else it may be given to: all who ask with this key, and the same ``selected``."""

    @property
    def selected(self) -> Selected:
        """The fields of the request that it depends on."""

    @property
    def size(self) -> int:
        """Bytes of what it says."""


I = TypeVar("I", bound=Shelved)  # noqa: E741 - of an item


class Shelf(Generic[I]):
    """At most ``max_bytes`` in ``max_items``, of which no key has more than ``max_variants``."""

    __slots__ = ("_by_place", "_max_bytes", "_max_items", "_max_variants", "_order", "size")

    def __init__(self, max_bytes: int, max_items: int, max_variants: int) -> None:
        self._max_bytes = max_bytes
        self._max_items = max_items
        self._max_variants = max_variants
        self._by_place: dict[bytes, dict[Hashable, list[I]]] = {}  # the newest variant last
        self._order: OrderedDict[int, I] = OrderedDict()  # by identity; what was used last is last
        self.size = 0  #: bytes, with what keeping them takes

    def __len__(self) -> int:
        return len(self._order)

    def find(self, place: bytes, key: Hashable, field: Selector) -> I | None:
        """What may be given to a request with these fields: the newest, which is used now."""
        for item in reversed(self.variants(place, key)):
            if all(field(name) == value for name, value in item.selected):
                self._order.move_to_end(id(item))
                return item
        return None

    def variants(self, place: bytes, key: Hashable) -> list[I]:
        """What there is of ``key``, the newest last."""
        return self._by_place.get(place, {}).get(key, [])

    def put(self, item: I) -> int:
        """Keep ``item`` instead of whatever depends on the same fields with the same values; how many others had to go for it.

        One that is larger than everything together may be is not kept, and nothing goes."""
        if item.size + OVERHEAD > self._max_bytes:
            return 0
        for other in [one for one in self.variants(item.place, item.key) if one.selected == item.selected]:
            self.drop(other)
        evicted = 0
        same = self.variants(item.place, item.key)
        if len(same) >= self._max_variants:
            self.drop(same[0])
            evicted += 1
        self._by_place.setdefault(item.place, {}).setdefault(item.key, []).append(item)
        self._order[id(item)] = item
        self.size += item.size + OVERHEAD
        while self.size > self._max_bytes or len(self._order) > self._max_items:
            self.drop(next(iter(self._order.values())))
            evicted += 1
        return evicted

    def drop(self, item: I) -> None:
        """Keep ``item`` no longer, if it is here."""
        if self._order.pop(id(item), None) is None:
            return
        self.size -= item.size + OVERHEAD
        keys = self._by_place[item.place]
        same = [one for one in keys[item.key] if one is not item]
        if same:
            keys[item.key] = same
            return
        del keys[item.key]
        if not keys:
            del self._by_place[item.place]

    def forget(self, place: bytes) -> int:
        """Keep nothing of ``place``; how many there were."""
        items = [item for same in self._by_place.get(place, {}).values() for item in same]
        for item in items:
            self.drop(item)
        return len(items)


class Marks:
    """Keys that are remembered for a while, of at most ``most`` the last."""

    __slots__ = ("_most", "_until")

    def __init__(self, most: int) -> None:
        self._most = most
        self._until: OrderedDict[Hashable, float] = OrderedDict()

    def add(self, key: Hashable, until: float) -> None:
        """Remember ``key`` until then."""
        self._until[key] = until
        self._until.move_to_end(key)
        while len(self._until) > self._most:
            self._until.popitem(last=False)

    def has(self, key: Hashable, now: float) -> bool:
        """Whether ``key`` is remembered now."""
        until = self._until.get(key)
        if until is None:
            return False
        if now >= until:
            del self._until[key]
            return False
        return True
