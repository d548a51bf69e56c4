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
from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core import limit_counters as rows
from fastgw.core.exchange.about import report
from fastgw.core.exchange.filter import GatheredHook
from fastgw.core.live.meters import Clock, NoRoomError, admit
from fastgw.core.models.asked import NOTE as ASKED
from fastgw.core.models.asked import NOTE_MODEL
from fastgw.errors import DownstreamError, InternalError
from fastgw.filters import rate_fields, token_fields
from fastgw.filters.ceiling import SLICE, Ceiling
from fastgw.filters.last_events import Ending
from fastgw.filters.metering import LineMeter, StreamMeter
from fastgw.filters.reservation import Reservation, Reserving, read
from fastgw.filters.token_limits import NOTE, Counted, Noted, counted_limit
from fastgw.filters.token_rates import AT_ONE_TIME, COMPLETION, COST, REQUESTS, TOKENS, shown
from fastgw.filters.usage import NOTE as USED
from fastgw.filters.usage import Usage
from fastgw.wire.inference import dialect_of

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.models.asked import AskedModel
    from fastgw.core.snapshot.chain import Chain
    from fastgw.filters.prices import Prices
    from fastgw.filters.rate_fields import Fields, Told

_RETRY: Final = (("retry-after", "1"),)


class _Reserved:
    """What an exchange has reserved."""

    __slots__ = ("limits", "reserved", "tabs", "told")

    def __init__(self, reserved: Reservation, limits: list[Counted], tabs: list[Any]) -> None:
        self.reserved = reserved
        self.limits = limits
        self.tabs = tabs
        self.told: Fields = ()  #: what its answer is to say


class _Unread(GatheredHook):
    """A body that is read by nobody else, and admitted when all of it is here."""

    def __init__(self, limit: TokenLimit, exchange: Exchange) -> None:
        self.max_bytes = exchange.route.max_body
        self._limit = limit
        self._exchange = exchange

    def whole(self, data: bytes) -> bytes:
        """See ``GatheredHook``."""
        self._limit.read(self._exchange, data)
        return data


class TokenLimit:
    """The filter."""

    __slots__ = (
        "_clock",
        "_cuts",
        "_is_dry",
        "_is_open",
        "_limits",
        "_noted",
        "_prices",
        "_reserving",
        "_tells_all",
        "_under_way",
        "_wall",
        "name",
    )

    logged = ("token_limit",)  #: the limit that a request was too much for

    def __init__(
        self,
        name: str,
        options: Mapping[str, Any],
        clock: Clock = time.monotonic_ns,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``options``: ``limits``, each the pairs that ``TokenBucket`` takes; those of ``Reserving``; ``ceiling``; ``tell``: refused or
        all;
        ``when_full``: refuse or let_through; ``dry_run``; ``cluster``, as ``SharedLimit`` takes it, or None.  ``wall``: seconds since 1970.
        """
        self.name = name
        self._clock = clock
        self._wall = wall
        cluster = dict(options["cluster"]) if options["cluster"] is not None else None
        limits = [counted_limit(name, place, dict(one), cluster) for place, one in enumerate(options["limits"], 1)]
        # Those that nobody knows of before they are taken come first: who is refused by them has been charged by no other.
        self._limits = sorted(limits, key=lambda one: one.unit != AT_ONE_TIME)
        self._noted = Noted(name, cluster)
        self._reserving = Reserving(options)
        self._tells_all = options["tell"] == "all"
        self._is_open = options["when_full"] == "let_through"
        self._is_dry: bool = options["dry_run"]
        self._cuts: bool = options["ceiling"] and not self._is_dry
        self._prices: dict[Chain, Prices | None] = {}  #: of the filter that meters, by the chain that both are in
        self._under_way: dict[Exchange, _Reserved] = {}

    def count_in(self, slots: Mapping[tuple[str, str], int]) -> None:
        """Count what each limit does, by the names of the filter and the limit, in these slots (``config.limited``)."""
        for one in self._limits:
            one.base = counters.LIMIT.base(slots[self.name, one.kind.text])
        self._noted.base = counters.LIMIT.base(slots[self.name, rows.NOTED])

    # --- reserve

    def read_request(self, exchange: Exchange) -> GatheredHook | None:
        """Admit it, or refuse: by what was found in its body, or when all of that is here."""
        if exchange.request.method != b"POST" or exchange in self._under_way:
            return None
        body = exchange.body
        if not body.is_done:
            return _Unread(self, exchange)
        self.read(exchange, body.pending[0] if len(body.pending) == 1 else b"".join(body.pending))
        return None

    def read(self, exchange: Exchange, data: bytes) -> None:
        """All of the body of ``exchange`` is ``data``.

        Raises:
            GatewayError: it is refused.
        """
        request, notes = exchange.request, exchange.notes
        path = request.original_path or request.path
        asked: AskedModel | None = notes.get(ASKED) if notes is not None else None
        if asked is None:
            asked = read(request.matched_path, data)
            if asked.model:
                exchange.note(NOTE_MODEL, asked.model)
        self._admit(exchange, self._reserving.of(asked, path, data, self._prices_of(exchange.route.chain)))

    def _admit(self, exchange: Exchange, reserved: Reservation) -> None:
        notes, clock = exchange.notes, self._clock
        said = notes.get(NOTE) if notes is not None else None
        limits = self._limits if said is None else self._noted.over(self._limits, said)
        tabs = []
        for one in limits:
            amount = reserved.of(one.unit) or 1
            if amount > one.burst:
                if reserved.is_stated:
                    self._refuse_too_large(exchange, one, amount)
                    return
                amount = one.burst
            tabs.append(one.tab(exchange, clock, amount))
        try:
            refusing = admit(tabs)
        except NoRoomError:
            self._on_full(exchange)
            return
        for one, tab in zip(limits, tabs, strict=True):
            one.limit.refill(exchange, tab)
        if refusing:
            self._refuse(exchange, limits, tabs, refusing)
            return
        values = exchange.plane.values
        for one, tab in zip(limits, tabs, strict=True):
            if one.base:
                values[one.base + rows.RESERVED] += tab.taken if one.kind.settles else 1
        under_way = self._under_way[exchange] = _Reserved(reserved, limits, tabs)
        if self._tells_all:
            under_way.told = token_fields.fields(_dialect(exchange), _told(limits, tabs), self._wall())

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
        notes = exchange.notes
        meter = getattr(notes.get(USED), "meter", None) if under_way is not None and notes is not None else None
        if under_way is None or not isinstance(meter, StreamMeter):
            return None
        reserved = under_way.reserved
        allowed = reserved.completion
        for one, tab in zip(under_way.limits, under_way.tabs, strict=True):
            if one.unit == TOKENS:
                allowed = min(allowed, tab.taken - reserved.prompt)
            elif one.unit == COMPLETION:
                allowed = min(allowed, tab.taken)
        ending = Ending(
            *(reserved.prompt, 0, reserved.choices),
            wants_usage=not notes[USED].strips and reserved.wants_usage,  # type: ignore[index]
            wall=self._wall(),
        )
        more = partial(self._extend, exchange, under_way)
        return Ceiling(exchange, meter, max(0, allowed), more, ending, is_of_lines=isinstance(meter, LineMeter))

    def _extend(self, exchange: Exchange, under_way: _Reserved) -> bool:
        """Reserve a slice more for an answer; False: there is none."""
        found, tabs = [], []
        prices = self._prices_of(exchange.route.chain)
        for one, tab in zip(under_way.limits, under_way.tabs, strict=True):
            amount = SLICE if one.unit in (TOKENS, COMPLETION) else 0
            if one.unit == COST and prices is not None:
                amount = under_way.reserved.cost_of(prices, 0, SLICE)
            if amount:
                found.append((one, tab))
                tabs.append(one.tab(exchange, self._clock, min(amount, one.burst)))
        try:
            refusing = admit(tabs)
        except NoRoomError:
            return False
        values = exchange.plane.values
        for (one, tab), new in zip(found, tabs, strict=True):
            one.limit.refill(exchange, new)
            if not refusing:
                tab.taken += new.taken
                if one.base:
                    values[one.base + rows.RESERVED] += new.taken
        if refusing:
            self._count(exchange, rows.CUT, found[tabs.index(refusing[0])][0])
        return not refusing

    # --- settle

    def done(self, exchange: Exchange) -> None:
        """Give back what it has not used, or take what it has used beyond."""
        under_way = self._under_way.pop(exchange, None)
        if under_way is None:
            return
        settled = exchange.notes.get(USED) if exchange.notes is not None else None
        if not isinstance(settled, dict):
            settled = None  # nobody has metered it: what was reserved stays taken
        elif settled["completion_tokens"] and not settled["estimated"]:
            self._reserving.learn(under_way.reserved, settled["completion_tokens"])
        values = exchange.plane.values
        for one, tab in zip(under_way.limits, under_way.tabs, strict=True):
            try:
                one.settle(tab, settled)
                one.limit.refill(exchange, tab)
            except NoRoomError:
                values[counters.BOARD_FULL] += 1
                event = "the board has no room for a key, so what it has used is not counted"
                report(exchange, "warning", event, filter=self.name)
            if one.base:
                values[one.base + rows.CHARGED] += tab.taken if one.kind.settles else 1

    # --- refuse

    def _refuse(self, exchange: Exchange, limits: list[Counted], tabs: list[Any], refusing: list[Any]) -> None:
        waits = {place: limits[place].limit.wait(tabs[place]) for place in map(tabs.index, refusing)}
        slowest = max(waits, key=lambda place: waits[place])
        one, wait = limits[slowest], waits[slowest]
        self._count(exchange, rows.REFUSED, one)
        if self._is_dry:
            return
        if one.shared is not None and all(tab.is_gone for tab in refusing):
            detail = "nobody knows at the moment how much is left of a limit"
            reason = f"{detail}: the Redis of the filter {self.name!r} cannot be asked, and what was leased of {one.kind.text} is spent"
            raise InternalError(503, "limit_unknown", detail, reason=reason, headers=_RETRY)
        headers = token_fields.refused(_dialect(exchange), _told(limits, tabs), wait, self._wall())
        seconds = rate_fields.seconds(wait)
        reason = f"more than {one.kind.text}, says the filter {self.name!r}"
        if one.unit == AT_ONE_TIME:
            detail = f"as many requests are under way as may be, {one.kind.text}"
            raise DownstreamError(429, "too_many_requests", detail, reason=f"{detail}: {reason}", headers=headers)
        if one.unit == COST:
            detail = f"the budget of {shown(one.burst, COST)} is spent; some of it is back in {seconds} s"
            raise DownstreamError(429, "insufficient_quota", detail, reason=f"{detail}: {reason}", headers=headers)
        amount = "" if one.unit == REQUESTS else f", and this request is counted as {tabs[slowest].needs}"
        detail = f"the limit of {one.kind.text} is reached{amount}; try again in {seconds} s"
        raise DownstreamError(429, "rate_limit_exceeded", detail, reason=f"{detail}: {reason}", headers=headers)

    def _refuse_too_large(self, exchange: Exchange, one: Counted, amount: int) -> None:
        self._count(exchange, rows.TOO_LARGE, one)
        if self._is_dry:
            return
        asked, most = shown(amount, one.unit), shown(one.burst, one.unit)
        detail = (
            f"the request asks for up to {asked} {one.unit}, its prompt included, and the limit is {most}: it can never be "
            "admitted; ask for less by max_tokens, or send less"
        )
        reason = f"{detail}: {one.kind.text}, says the filter {self.name!r}"
        raise DownstreamError(400, "request_over_limit", detail, reason=reason)

    def _count(self, exchange: Exchange, row: int, one: Counted) -> None:
        exchange.note("token_limit", one.kind.text)
        if one.base:
            exchange.plane.values[one.base + row] += 1

    def _on_full(self, exchange: Exchange) -> None:
        exchange.plane.values[counters.BOARD_FULL] += 1
        is_let_through = self._is_open or self._is_dry
        what = "is let through" if is_let_through else "is refused"
        report(exchange, "warning", f"the board has no room for a key, so its request {what}", filter=self.name)
        if not is_let_through:
            raise InternalError(503, "board_full", "too many clients are being counted", headers=_RETRY)

    # --- what is around

    def _prices_of(self, chain: Chain) -> Prices | None:
        if chain not in self._prices:
            self._prices[chain] = next((one.prices for one in chain.filters if isinstance(one, Usage)), None)
        return self._prices[chain]


def _told(limits: list[Counted], tabs: list[Any]) -> list[Told]:
    return [one.limit.told(tab) for one, tab in zip(limits, tabs, strict=True) if one.unit != AT_ONE_TIME]


def _dialect(exchange: Exchange) -> str:
    request = exchange.request
    return dialect_of(request.matched_path, request.header(b"anthropic-version"))
