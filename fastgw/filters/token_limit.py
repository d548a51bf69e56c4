"""``token_limit``: no more than so many tokens, requests, or so much cost in a time, counted over all workers.

    read_request   reserve: as much of each limit as the request may take (``filters.reservation``), from all of them or from none
    response       tell how much is left, where that is asked for
    transform_response   end a stream for which there is no more (``filters.ceiling``), where that is asked for
    done           settle, whatever the end was: by what the filter ``usage`` behind this one has found it to be

Who reserves as much as a request allows never takes more than there is; who reserves by estimate owes what it was wrong by.  The buckets
belong to the filter's name and to what each limit says, so they outlive the filter (``core.live.tabs``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.exchange.about import report
from fastgw.core.exchange.filter import GatheredHook
from fastgw.core.limit_counters import CHARGED, NOTED, RESERVED
from fastgw.core.live.meters import Clock, NoRoomError, admit
from fastgw.core.live.tabs import Tab
from fastgw.core.models.asked import NOTE as ASKED
from fastgw.core.models.asked import NOTE_MODEL
from fastgw.filters import token_fields
from fastgw.filters.ceiling import Ceiling, Extension, ceiling_of
from fastgw.filters.reservation import Reservation, Reserving, read
from fastgw.filters.token_limits import NOTE, Counted, Noted, by_model, counted_limit, in_order
from fastgw.filters.token_refusals import asked_dialect, refuse, refuse_too_large, refuse_uncounted, told
from fastgw.filters.usage import NOTE as USED
from fastgw.filters.usage import Usage

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.models.asked import AskedModel
    from fastgw.core.snapshot.chain import Chain
    from fastgw.filters.prices import Prices
    from fastgw.filters.rate_fields import Fields


def in_windows(
    zone: str,
    wall: Callable[[], float],
    name: str,
    place: int,
    options: Mapping[str, Any],
    cluster: Mapping[str, Any] | None,
) -> Counted:
    """A limit that counts in windows of the calendar of ``zone``."""
    from fastgw.filters.calendar import Calendar  # which few need, as the next
    from fastgw.filters.token_windows import CountedWindow

    return CountedWindow(name, place, options, cluster, Calendar(zone, wall))


class _Reserved:
    """What an exchange has reserved."""

    __slots__ = ("limits", "reserved", "tabs", "told")

    def __init__(self, reserved: Reservation, limits: list[Counted], tabs: list[Any]) -> None:
        self.reserved = reserved
        self.limits = limits
        self.tabs = tabs
        self.told: Fields = ()  #: what its answer is to say


class _Around:
    """What is known of a chain that the filter is in."""

    __slots__ = ("is_changed", "prices")

    def __init__(self, name: str, chain: Chain) -> None:
        #: Of the filter that meters; None: there is none, and nothing costs anything.
        self.prices: Prices | None = next((one.prices for one in chain.filters if isinstance(one, Usage)), None)
        own = [chain.name_of(one.hook) for one in chain.request_body].index(name)
        self.is_changed = any(one.changes for one in chain.request_body[:own])  #: may a filter in front change bodies?


class _Unread(GatheredHook):
    """A body that is read by nobody else, and admitted when all of it is here."""

    def __init__(self, limit: TokenLimit, exchange: Exchange) -> None:
        self.max_bytes = exchange.route.max_body
        self._limit = limit
        self._exchange = exchange

    def whole(self, data: bytes) -> bytes:
        """See ``GatheredHook``."""
        self._limit.read_changed(self._exchange, data)
        return data


class TokenLimit:
    """The filter."""

    __slots__ = (
        "_all",
        "_by_model",
        "_chains",
        "_clock",
        "_cuts",
        "_is_dry",
        "_is_open",
        "_limits",
        "_noted",
        "_reserving",
        "_shares",
        "_tells_all",
        "_under_way",
        "_wall",
        "name",
    )

    logged = ("token_limit",)  #: the limit that a request was too much for
    is_binding = True  #: nor does an answer get past its ceiling

    def __init__(
        self,
        name: str,
        options: Mapping[str, Any],
        clock: Clock = time.monotonic_ns,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``options``: ``limits``, each the pairs that ``TokenBucket`` takes; those of ``Reserving``; ``timezone``, of windows of the
        calendar; ``ceiling``; ``tell``: refused or all; ``when_full``: refuse or let_through; ``dry_run``; ``cluster``, as ``SharedLimit``
        takes it, or None.  ``wall``: seconds since 1970.
        """
        self.name = name
        self._clock = clock
        self._wall = wall
        cluster = dict(options["cluster"]) if options["cluster"] is not None else None
        windowed = partial(in_windows, options["timezone"], wall)
        limits = [
            counted_limit(name, place, dict(one), cluster, windowed) for place, one in enumerate(options["limits"], 1)
        ]
        self._all = limits
        self._limits = in_order(one for one in limits if not one.only)
        self._by_model = by_model(limits)
        self._shares = cluster is not None
        self._noted = Noted(name, cluster, windowed)
        self._reserving = Reserving(options)
        self._tells_all = options["tell"] == "all"
        self._is_open = options["when_full"] == "let_through"
        self._is_dry: bool = options["dry_run"]
        self._cuts: bool = options["ceiling"] and not self._is_dry
        self._chains: dict[Chain, _Around] = {}
        self._under_way: dict[Exchange, _Reserved] = {}

    def count_in(self, slots: Mapping[tuple[str, str], int]) -> None:
        """Count what each limit does, by the names of the filter and the limit, in these slots (``config.limited``)."""
        for one in self._all:
            one.base = counters.LIMIT.base(slots[self.name, one.kind.text])
        self._noted.base = counters.LIMIT.base(slots[self.name, NOTED])

    # --- reserve

    def read_request(self, exchange: Exchange) -> GatheredHook | None:
        """Admit it, or refuse: by what was found in its body, or when all of that is here."""
        if exchange.request.method != b"POST" or exchange in self._under_way:
            return None
        body = exchange.body
        if not body.is_done or self._knows(exchange.route.chain).is_changed:
            return _Unread(self, exchange)
        self.read(exchange, body.pending)
        return None

    def read(self, exchange: Exchange, parts: list[bytes]) -> None:
        """All of the body of ``exchange`` is in these ``parts``, which stay what they are: to join them costs as much as to pass them on.

        Raises:
            GatewayError: it is refused.
        """
        request, notes = exchange.request, exchange.notes
        path = request.original_path or request.path
        asked: AskedModel | None = notes.get(ASKED) if notes is not None else None
        if asked is None:
            asked = read(request.matched_path, parts)
            if asked.model:
                exchange.note(NOTE_MODEL, asked.model)
        self._admit(exchange, self._reserving.of(asked, path, parts, self._knows(exchange.route.chain).prices))

    def read_changed(self, exchange: Exchange, data: bytes) -> None:
        """The same of a body that came later, or that other filters may have changed meanwhile: it counts as it goes on."""
        request, notes = exchange.request, exchange.notes
        asked: AskedModel | None = notes.get(ASKED) if notes is not None else None
        asked = read(request.matched_path, [data], asked)
        if asked.model and not asked.entry:
            exchange.note(NOTE_MODEL, asked.model)
        prices = self._knows(exchange.route.chain).prices
        self._admit(exchange, self._reserving.of(asked, request.original_path or request.path, [data], prices))

    def _admit(self, exchange: Exchange, reserved: Reservation) -> None:
        notes, clock = exchange.notes, self._clock
        said = notes.get(NOTE) if notes is not None else None
        limits = self._limits
        if self._by_model is not None:
            limits = self._by_model.get(reserved.asked.entry, limits)
        if said is not None:
            limits = self._noted.over(limits, said)
        tabs: list[Any] = []
        for one in limits:
            amount = reserved.of(one.part) or 1
            if amount > one.burst:
                if reserved.is_stated:
                    refuse_too_large(exchange, self.name, one, amount, is_dry=self._is_dry)
                    return
                amount = one.burst
            tabs.append(one.tab(exchange, clock, amount))
        try:
            if len(tabs) == 1:
                refusing = [] if _is_admitted(tabs[0]) else tabs
            else:
                refusing = admit(tabs)
        except NoRoomError:
            refuse_uncounted(exchange, self.name, is_let_through=self._is_open or self._is_dry)
            return
        if self._shares:
            for one, tab in zip(limits, tabs, strict=True):
                one.limit.refill(exchange, tab)
        if refusing:
            refuse(exchange, self.name, limits, tabs, refusing, self._wall(), is_dry=self._is_dry)
            return
        plane = exchange.plane
        for place, one in enumerate(limits):
            base = one.base
            if base:
                plane.values[base + RESERVED] += _taken(tabs[place]) if one.settles else 1
        under_way = _Reserved(reserved, limits, tabs)
        self._under_way[exchange] = under_way
        if self._tells_all:
            under_way.told = token_fields.fields(asked_dialect(exchange), told(limits, tabs), self._wall())

    # --- tell

    def response(self, exchange: Exchange) -> None:
        """Say what is left."""
        under_way = self._under_way.get(exchange)
        if under_way is not None:
            for name, value in under_way.told:
                exchange.response.set_header(name.encode(), value.encode())

    def transform_response(self, exchange: Exchange) -> Ceiling | None:
        """See that a stream ends where there is no more for it."""
        under_way = self._under_way.get(exchange) if self._cuts else None
        if under_way is None:
            return None
        prices = self._knows(exchange.route.chain).prices
        more = Extension(exchange, under_way.reserved, under_way.limits, under_way.tabs, self._clock, prices)
        return ceiling_of(exchange, more, self._wall())

    # --- settle

    def done(self, exchange: Exchange) -> None:
        """Give back what it has not used, or take what it has used beyond."""
        under_way = self._under_way.pop(exchange, None)
        if under_way is None:
            return
        used = exchange.notes.get(USED) if exchange.notes is not None else None
        settled = used if isinstance(used, dict) else None  # else nobody has metered it: what was reserved stays taken
        if settled is not None and not settled["estimated"]:
            completion = settled["completion_tokens"]
            if completion:
                self._reserving.learn(under_way.reserved, completion)
        plane, tabs = exchange.plane, under_way.tabs
        for place, one in enumerate(under_way.limits):
            tab, base = tabs[place], one.base
            try:
                one.settle(tab, settled)
                if self._shares:
                    one.limit.refill(exchange, tab)
            except NoRoomError:
                plane.values[counters.BOARD_FULL] += 1
                event = "the board has no room for a key, so what it has used is not counted"
                report(exchange, "warning", event, filter=self.name)
            if base:
                plane.values[base + CHARGED] += _taken(tab) if one.settles else 1

    # --- what is around

    def _knows(self, chain: Chain) -> _Around:
        around = self._chains.get(chain)
        if around is None:
            around = self._chains[chain] = _Around(self.name, chain)
        return around


def _taken(bucket: Any) -> int:
    """How much of a limit is taken; without a detour as below."""
    if isinstance(bucket, Tab):
        tab: Tab = bucket
        return tab.taken
    return bucket.taken  # type: ignore[no-any-return]


def _is_admitted(bucket: Any) -> bool:
    """Whether a limit that is alone has admitted it.

    Raises:
        NoRoomError: it cannot be known.
    """
    if isinstance(bucket, Tab):  # which most are: it is asked without a detour then
        tab: Tab = bucket
        return tab.look() and tab.charge()
    return bucket.look() and bucket.charge()  # type: ignore[no-any-return]
