"""The cache of a route: a service in front of its services, which answers from what it has kept, or lets it be fetched.

    tries.chosen ── RouteCache.choose ──┬──▶ the service itself       what a cache has nothing to do with
                                   └──▶ a local one, CacheCarrier ──▶ an answer that is kept
                                                            └──▶ joins a Fill, the exchange that fetches it

What passes it by costs no more than being looked at.  Everything else is answered by an exchange with a carrier of this process, so
filters, transformers, deadlines and logs are those of any other; a ``Fill`` is an exchange of its own with nobody for a client, so whoever
waits for it may leave.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from fastgw.adapters.cache_carrier import CacheCarrier
from fastgw.adapters.cache_fill import Fill
from fastgw.adapters.cache_key import digest_of, is_ours, key_of, place_of, selected_of
from fastgw.adapters.cache_parts import BYPASS, HIT, MISS, NOTE, STALE, WAITED, Lookup
from fastgw.adapters.local import local_service
from fastgw.adapters.pieces import Held
from fastgw.core import counters
from fastgw.core.counters import LOCAL, ROUTE
from fastgw.core.snapshot.snapshot import Route
from fastgw.errors import DownstreamError
from fastgw.policy.freshness import Life, Wish, directives, life, refusal, wish
from fastgw.policy.shelf import Marks, Shelf
from fastgw.wire.fields import find_field
from fastgw.wire.lines import without_fields
from fastgw.wire.methods import SAFE
from fastgw.wire.preconditions import read_date

if TYPE_CHECKING:
    from collections.abc import Hashable

    from fastgw.adapters.cache_parts import Followed, Follower
    from fastgw.adapters.stored import StoredAnswer
    from fastgw.core.cache_settings import CacheSettings
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.settings import RouteSettings
    from fastgw.core.snapshot.snapshot import Service
    from fastgw.policy.shelf import Selected
    from fastgw.routing.pattern import Pattern

PASSED_SECONDS: Final = 10.0  #: for which nobody waits for an answer that was not to be kept
PASSED_MOST: Final = 10_000  #: such answers


class Memory:
    """What outlives a reload that changes nothing of a cache."""

    __slots__ = ("__weakref__", "held", "passed", "shelf")

    def __init__(self, settings: CacheSettings) -> None:
        self.shelf: Shelf[StoredAnswer] = Shelf(settings.max_bytes, settings.max_entries, settings.max_variants)
        self.passed = Marks(PASSED_MOST)
        self.held = Held(settings.max_bytes)


_MEMORIES: Final[WeakValueDictionary[tuple[str, CacheSettings, tuple[bytes, ...]], Memory]] = WeakValueDictionary()


def memory_of(route: str, settings: CacheSettings, decided_by: tuple[bytes, ...]) -> Memory:
    """That of the cache of ``route``, as long as its settings, and the fields by which filters decide, are these."""
    found = _MEMORIES.get((route, settings, decided_by))
    if found is None:
        found = _MEMORIES[route, settings, decided_by] = Memory(settings)
    return found


class RouteCache:
    """What one route has kept in this worker."""

    def __init__(
        self,
        name: str,
        slot: int,
        of: RouteSettings,
        settings: CacheSettings,
        memory: Memory,
        decided_by: tuple[bytes, ...] = (),
    ) -> None:
        """``name``, ``slot``: of the route; ``of``: its settings, by which fills go; ``decided_by``: fields by which its filters decide."""
        self.settings = settings
        self.memory = memory
        self.fills: dict[Hashable, Fill] = {}  #: those that others may join
        self._name = name
        self._base = ROUTE.base(slot)
        self._of = of._replace(upgrades=())
        self._methods = frozenset(one.encode() for one in settings.methods)
        if b"GET" in self._methods:
            self._methods |= {b"HEAD"}
        self._names = tuple(one.encode() for one in settings.vary)
        self._decided_by = decided_by
        self._fronts: dict[Service, Service] = {}
        self._minded: dict[Service, Service] = {}
        self._routes: dict[Service, Route] = {}

    @property
    def held(self) -> Held:
        """What the answers hold that are fetched for it."""
        return self.memory.held

    @property
    def takes_bodies(self) -> bool:
        """Whether it answers requests that have one."""
        return b"POST" in self._methods

    # --- which service answers

    def choose(self, exchange: Exchange, service: Service) -> Service:
        """What answers ``exchange``, which is for ``service``."""
        request = exchange.request
        method = request.method
        if method not in self._methods:
            return service if method in SAFE else self._in_front_of_unsafe(service)
        wanted = wish(request.header)
        if not wanted.may_be_kept or not is_ours(request) or not self._has_room(exchange):
            self.count(exchange, BYPASS)
            return service
        if method == b"POST":
            return self._front(service)  # when its body is here it is known what it asks for
        lookup = self.look_up(exchange, service, wanted, b"")
        if method == b"HEAD":
            found = lookup.find(exchange)
            is_good = found is not None and wanted.takes(found.life, exchange.plane.clock())
        else:
            is_good = not self.memory.passed.has((lookup.place, lookup.key), exchange.plane.clock())
        if is_good or wanted.only_kept:
            return self._front(service)
        self.count(exchange, BYPASS)
        return service

    def _has_room(self, exchange: Exchange) -> bool:
        """Whether the body of ``exchange`` is one that a key can be made of: none of a GET, and of others one within bounds."""
        request = exchange.request
        if request.method != b"POST":
            return not request.has_body
        size = request.content_length
        if request.chunked or size > self.settings.max_body:
            return False
        return exchange.plane.body_bytes + max(0, size) <= exchange.listener.body_memory // 2

    def _front(self, service: Service) -> Service:
        found = self._fronts.get(service)
        if found is None:
            found = self._fronts[service] = local_service(service.name, lambda: CacheCarrier(self, service))
        return found

    def _in_front_of_unsafe(self, service: Service) -> Service:
        found = self._minded.get(service)
        if found is None:
            found = self._minded[service] = service.minded(self._on_unsafe)
        return found

    def _on_unsafe(self, exchange: Exchange) -> bool:
        """A ``Mind``: what a request has changed is not kept any longer (RFC 9111 section 4.4)."""
        if 200 <= exchange.response.status < 400:
            place = place_of(exchange)
            dropped = self.memory.shelf.forget(place)
            exchange.plane.values[self._base + counters.ROUTE_CACHE_INVALIDATED] += dropped
            for fill in [one for one in self.fills.values() if one.lookup.place == place]:
                fill.outdate()
            self._tell_size(exchange)
        return False

    # --- what is kept

    def look_up(self, exchange: Exchange, service: Service, wanted: Wish, body: bytes) -> Lookup:
        """What ``exchange`` asks for; it is noted."""
        digest = digest_of(exchange.request, body)
        key = key_of(
            exchange,
            service.name,
            self._names,
            digest,
            is_shared=self.settings.shared,
            decided_by=self._decided_by,
        )
        is_authorized = exchange.request.header(b"authorization") is not None
        lookup = Lookup(self.memory.shelf.find, place_of(exchange), key, wanted, is_authorized=is_authorized)
        exchange.note(NOTE, lookup)
        return lookup

    def prepare(self, copy: Exchange, original: Exchange) -> None:
        """``copy`` is to fetch what ``original`` asks for."""

    def told(self, fields: bytes) -> bytes:
        """Of the ``fields`` of an answer those that whoever waits for it is told."""
        return fields

    def kept(self, fields: bytes) -> bytes:
        """And those that are kept."""
        return without_fields(fields, (b"age",))

    def selected(self, exchange: Exchange, fields: bytes) -> Selected:
        """What an answer with these fields depends on, and what the request of ``exchange`` has there."""
        return selected_of(exchange, fields)

    def judge(
        self, asked: Exchange, lookup: Lookup, status: int, fields: bytes, delay: float
    ) -> tuple[str, Life | None]:
        """Why an answer to ``asked`` may not be given to others, or is empty; and how long it lives, None: it is not kept.

        ``delay``: seconds since it was asked for.
        """

        def field(name: bytes) -> bytes | None:
            return find_field(b"\r\n" + fields, name)

        said = directives(field(b"cache-control"))
        why = refusal(status, field, said, is_authorized=lookup.is_authorized)
        if why:
            return why, None
        plane = asked.plane
        lives = life(
            status,
            field,
            said,
            read_date,
            wall=plane.wall(),
            now=plane.clock(),
            delay=delay,
            usual=self.settings.ttl,
        )
        return "", lives

    def is_whole(self, item: StoredAnswer, body: bytes) -> bool:
        """Whether ``item`` with ``body``, all that came, is what should be kept."""
        return True

    def keep(self, item: StoredAnswer, exchange: Exchange) -> None:
        """Keep what ``exchange`` has fetched."""
        values = exchange.plane.values
        values[self._base + counters.ROUTE_CACHE_STORED] += 1
        values[self._base + counters.ROUTE_CACHE_EVICTED] += self.memory.shelf.put(item)
        self._tell_size(exchange)

    def drop(self, item: StoredAnswer, exchange: Exchange) -> None:
        """It turned out to be kept no longer."""
        self.memory.shelf.drop(item)
        self._tell_size(exchange)

    def _tell_size(self, exchange: Exchange) -> None:
        shelf, values = self.memory.shelf, exchange.plane.values
        values[self._base + counters.ROUTE_CACHE_BYTES] = shelf.size
        values[self._base + counters.ROUTE_CACHE_ENTRIES] = len(shelf)

    def count(self, exchange: Exchange, outcome: int) -> None:
        """``outcome`` is what came of ``exchange``."""
        exchange.plane.values[self._base + counters.ROUTE_CACHE_REQUESTS + outcome] += 1
        lookup = (exchange.notes or {}).get(NOTE)
        if lookup is not None:
            lookup.outcome = outcome

    # --- answering

    def serve(self, carrier: Follower, exchange: Exchange) -> None:
        """Answer the complete request of ``exchange``, now or by what is fetched for it.

        Raises:
            DownstreamError: 504, it wants only what is kept.
        """
        service = carrier.service
        lookup: Lookup | None = (exchange.notes or {}).get(NOTE)
        if lookup is None:
            lookup = self.look_up(exchange, service, wish(exchange.request.header), carrier.body)
        now = exchange.plane.clock()
        found = lookup.find(exchange)
        if found is not None and lookup.wish.takes(found.life, now):
            self.count(exchange, HIT)
            carrier.send_stored(found, now)
        elif found is not None and lookup.wish.is_fine and found.life.is_good_while_asking(now):
            self.count(exchange, STALE)
            if self._join_key(lookup) not in self.fills:
                self._fill(carrier, exchange, lookup, found).begin_alone()
            carrier.send_stored(found, now)
        elif lookup.wish.only_kept:
            raise DownstreamError(
                504, "not_cached", "nothing is kept that this request would take, and it takes no other"
            )
        else:
            self._join(carrier, exchange, lookup, found)

    def serve_alone(self, carrier: Follower, exchange: Exchange) -> None:
        """Fetch for ``exchange`` what it has waited for in vain."""
        lookup: Lookup = (exchange.notes or {})[NOTE]
        self.count(exchange, MISS)
        fill = self._fill(carrier, exchange, lookup, None, is_private=True)
        fill.join(carrier)
        fill.begin()

    def _join_key(self, lookup: Lookup) -> Hashable:
        return (lookup.place, lookup.key)

    def _join(self, carrier: Follower, exchange: Exchange, lookup: Lookup, found: StoredAnswer | None) -> None:
        key = self._join_key(lookup)
        is_waited_for = lookup.wish.is_fine and not self.memory.passed.has(key, exchange.plane.clock())
        under_way = self.fills.get(key) if is_waited_for else None
        if under_way is not None and under_way.takes(carrier):
            self.count(exchange, WAITED)
            under_way.join(carrier)
            return
        self.count(exchange, MISS)
        is_private = not is_waited_for or under_way is not None
        fill = self._fill(carrier, exchange, lookup, found, is_private=is_private)
        fill.join(carrier)
        fill.begin()

    def _fill(
        self,
        carrier: Follower,
        exchange: Exchange,
        lookup: Lookup,
        found: StoredAnswer | None,
        *,
        is_private: bool = False,
    ) -> Fill:
        """What fetches; ``found``: what is kept and may be confirmed; ``is_private``: nobody may join it."""
        stale = found if found is not None and found.conditions else None
        fill = Fill(self, lookup, exchange, self._route(carrier.service, exchange.route.pattern), carrier.body, stale)
        if not is_private and exchange.request.method != b"HEAD":  # whose answer has no body that others could have
            self.fills[self._join_key(lookup)] = fill
        return fill

    def forget(self, fill: Followed) -> None:
        """Nobody may join ``fill`` any more."""
        key = self._join_key(fill.lookup)
        if self.fills.get(key) is fill:
            del self.fills[key]

    def _route(self, service: Service, pattern: Pattern | None) -> Route:
        """By what fills from ``service`` go: no filter, as whoever waits has passed them."""
        found = self._routes.get(service)
        if found is None:
            found = self._routes[service] = Route(self._name, 0, self._of, service, pattern=pattern)
            found.base = LOCAL.at  # what they are is counted for those who wait for them
        return found

    def pass_by(self, lookup: Lookup, now: float) -> None:
        """Nobody waits for what ``lookup`` asks for, for a while: it was not to be kept."""
        self.memory.passed.add((lookup.place, lookup.key), now + PASSED_SECONDS)
