"""Which counter block belongs to which name.

A name keeps its slot for as long as the supervisor lives, reloads included, so its counters never jump.  When a name
leaves the configuration its slot rests: exchanges of the old generation may still count there.  It goes to another
name only when no fresh slot is left, nothing is under way on it (``is_quiet``), and it is the one that rests longest;
its block is zeroed then (``clear``).  Until that the old name can come back and finds its counts.  When every slot is
taken, further names share the last one, ``other``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fastgw.config.chains import filter_names
from fastgw.config.limited import limited
from fastgw.config.metered import keyed, metered
from fastgw.config.shadows import shadows
from fastgw.config.spec import GatewaySpec, fallback_name, mirror_name
from fastgw.core.blocks import Block
from fastgw.core.counters import ENDPOINT, FILTER, KEY, LIMIT, MODEL, ROUTE, SERVICE
from fastgw.core.settings import LISTED
from fastgw.server.messages import Slots

if TYPE_CHECKING:
    from fastgw.server.slab import Slab

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

    def change(self, come: Iterable[K], gone: Iterable[K]) -> dict[K, int]:
        """Make the names that ``come`` ones in use, and let those that are ``gone`` rest; return the slots of those that have come."""
        for name in gone:
            slot = self._used.pop(name, self.other)
            if slot != self.other:
                self._resting[name] = slot
        planned = self.plan(come)
        self._used |= planned
        for name in planned:
            self._resting.pop(name, None)
        return planned

    @property
    def slots(self) -> list[int]:
        """Every slot that may hold a count, in use or resting."""
        return sorted({*self._used.values(), *self._resting.values()})

    def told(self) -> dict[str, Any]:
        """What a successor needs to go on with the same slots: plain data."""
        return {"fresh": self._fresh, "used": dict(self._used), "resting": dict(self._resting)}

    def learn(self, told: Mapping[str, Any]) -> None:
        """Go on with the slots of a predecessor."""
        self._fresh, self._used, self._resting = told["fresh"], dict(told["used"]), dict(told["resting"])

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


class Tables:
    """The slots of all kinds."""

    def __init__(self, slabs: Callable[[], Iterable[Slab]]) -> None:
        """``slabs``: all that have these slots."""
        self._slabs = slabs
        self._routes: SlotTable[str] = self._table(ROUTE)
        self._services: SlotTable[str] = self._table(SERVICE)
        self._endpoints: SlotTable[tuple[str, str]] = self._table(ENDPOINT)
        self._filters: SlotTable[str] = self._table(FILTER)
        self._models: SlotTable[tuple[str, str]] = self._table(MODEL)
        self._limits: SlotTable[tuple[str, str]] = self._table(LIMIT)
        self._keys: SlotTable[str] = self._table(KEY)
        self._all: dict[Block, SlotTable[Any]] = {
            ROUTE: self._routes,
            SERVICE: self._services,
            ENDPOINT: self._endpoints,
            FILTER: self._filters,
            MODEL: self._models,
            LIMIT: self._limits,
            KEY: self._keys,
        }

    def plan(self, spec: GatewaySpec) -> Slots:
        """Slots for every name of ``spec``, which may yet be refused."""
        return Slots(
            self._routes.plan(route_names(spec)),
            self._services.plan(one.name for one in spec.services),
            self.plan_endpoints(spec),
            self._filters.plan(filter_names(spec)),
            self._models.plan(metered(spec)),
            self._limits.plan(limited(spec)),
            self._keys.plan(keyed(spec)),
        )

    def plan_endpoints(self, spec: GatewaySpec) -> dict[tuple[str, str], int]:
        """Slots for the endpoints of ``spec`` alone: some members are listed, or are no more."""
        return self._endpoints.plan([*endpoint_names(spec), *list_names(spec)])

    def slots_of(self, service: str, addresses: Sequence[str]) -> list[int]:
        """The slots of members of a service, which may be new."""
        slots = self._endpoints.plan((service, one) for one in addresses)
        return [slots[service, one] for one in addresses]

    def change_endpoints(
        self, slots: Slots, come: Iterable[tuple[str, str]], gone: Iterable[tuple[str, str]]
    ) -> dict[tuple[str, str], int]:
        """Of the plan in use, which has ``slots``, the endpoints when some ``come`` and others are ``gone``, which is so from now on."""
        found = {**slots.endpoints, **self._endpoints.change(come, gone)}
        for name in gone:
            found.pop(name, None)
        return found

    def adopt(self, slots: Slots) -> None:
        """These are in use."""
        self._routes.adopt(slots.routes)
        self._services.adopt(slots.services)
        self._endpoints.adopt(slots.endpoints)
        self._filters.adopt(slots.filters)
        self._models.adopt(slots.models)
        self._limits.adopt(slots.limits)
        self._keys.adopt(slots.keys)

    @property
    def slots(self) -> dict[Block, list[int]]:
        """Every slot that may hold a count, by its kind."""
        return {block: table.slots for block, table in self._all.items()}

    def settle(self, slab: Slab) -> None:
        """Account for a process that died, whose counters are in ``slab``."""
        slab.settle(self._routes.slots, self._services.slots, self._endpoints.slots)

    def told(self) -> list[dict[str, Any]]:
        """What a successor needs to go on with the same slots: plain data."""
        return [table.told() for table in self._all.values()]

    def learn(self, told: Iterable[Mapping[str, Any]]) -> None:
        """Go on with the slots of a predecessor."""
        for table, one in zip(self._all.values(), told, strict=True):
            table.learn(one)

    def _table(self, block: Block) -> SlotTable[Any]:
        def is_quiet(slot: int) -> bool:
            return all(slab.is_quiet(block, slot) for slab in self._slabs())

        def clear(slot: int) -> None:
            for slab in self._slabs():
                slab.clear(block, slot)

        return SlotTable(block.count, is_quiet, clear)


def route_names(spec: GatewaySpec) -> list[str]:
    """Names that count requests: the routes, what each listener answers when no route matches, and what mirrors are sent."""
    fallbacks = [fallback_name(listener.name) for listener in spec.listeners]
    mirrors = [mirror_name(one.name) for one in spec.routes if one.mirror is not None or shadows(spec, one)]
    return [*(route.name for route in spec.routes), *fallbacks, *mirrors]


def endpoint_names(spec: GatewaySpec) -> list[tuple[str, str]]:
    """(service, address) of every endpoint."""
    return [(service.name, str(one.address)) for service in spec.services for one in service.members]


def list_names(spec: GatewaySpec) -> list[tuple[str, str]]:
    """(service, ``LISTED``) of every service whose members are listed: who waits for the first list is counted there."""
    return [(service.name, LISTED) for service in spec.services if service.discovery is not None]
