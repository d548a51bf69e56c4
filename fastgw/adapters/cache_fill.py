"""What fetches an answer for a cache: an exchange of its own, whose client is nobody, and the exchanges that follow it.

    Fill.begin ──▶ an exchange with the service ──▶ head ──┬─ kept: everybody who follows, and who comes yet, gets it; it is stored whole
                                                           ├─ confirmed (304): everybody gets what was kept
                                                           ├─ an error (5xx): everybody who follows gets it, unless it is private
                                                           └─ not to be kept: the first one gets it, the others go on alone

Nobody owns it: whoever leaves, it goes on as long as somebody follows, and ends with the last.  Pieces are held until the slowest has sent
them: all of them while it is kept, which is bounded for each and for all (``pieces``); else the service waits for the slowest.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fastgw.adapters.cache_key import suits
from fastgw.adapters.cache_parts import MISS, REVALIDATED, STALE, WAITED, Head
from fastgw.adapters.local import UNKNOWN
from fastgw.adapters.pieces import Pieces
from fastgw.adapters.stored import StoredAnswer, renewed
from fastgw.core.exchange.ends import Client
from fastgw.core.exchange.fallback import NOTE, REPLY
from fastgw.core.net.connection import HOLD_PEER
from fastgw.wire.fields import find_field
from fastgw.wire.lines import without_fields
from fastgw.wire.messages import BODY_LENGTH, BODY_NONE

if TYPE_CHECKING:
    import asyncio

    from fastgw.adapters.cache_parts import Follower, Keeper, Lookup
    from fastgw.core.dataplane import DataPlane
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.exchange.reply import Reply
    from fastgw.core.snapshot.snapshot import Route
    from fastgw.policy.freshness import Life

_CONDITIONS: Final = (b"if-none-match", b"if-modified-since")


class Fill(Client):
    """Whom the service of a cache answers."""

    def __init__(
        self, cache: Keeper, lookup: Lookup, original: Exchange, route: Route, body: bytes, stale: StoredAnswer | None
    ) -> None:
        """
        Args:
            cache: that it is for.
            lookup: what is asked for.
            original: the exchange that asks first, whose request this sends.
            route: what its exchange goes by.
            body: that of the request.
            stale: what is kept, which the service may confirm.
        """
        Client.__init__(self, original.listener, original.client.address)
        self.forwarded = original.client.forwarded
        self.version = original.client.version
        self.identity = original.client.identity
        plane: Any = original.plane
        self._plane: DataPlane = plane
        self._cache = cache
        self.lookup = lookup
        self._route = route
        self._stale = stale
        self._followers: list[Follower] = []
        self._first: Follower | None = None  #: whose request it is, as long as it follows
        self._head: Head | None = None
        self._item: StoredAnswer | None = None  #: what it will store, without the body
        self._pieces = Pieces(cache.held)
        self.is_complete = False
        self.trailers = b""
        self._is_alone = False  #: nobody need follow
        self._is_paid = False  #: somebody has had all of it
        self._is_outdated = False  #: what it asks for was changed meanwhile
        self._timer: asyncio.TimerHandle | None = None
        self._begun = 0.0
        copy = plane.take()
        copy.request.become_copy(original.request)
        conditions = stale.conditions if stale is not None else ()
        if conditions or any(original.request.forwarded(name) is not None for name in _CONDITIONS):
            copy.request.edit(_CONDITIONS, conditions)
        copy.note("cache", lookup)
        cache.prepare(copy, original)
        if body:
            copy.body.keep(body)
            plane.body_bytes += len(body)
        self._copy: Exchange | None = copy
        plane.unconnected.add(self)

    # --- who follows

    def takes(self, carrier: Follower) -> bool:
        """Whether ``carrier`` may follow too: there is room, and what is known of the answer is for it."""
        if len(self._followers) >= self._cache.settings.max_waiting:
            return False
        return self._head is None or (self._item is not None and self._is_for(carrier))

    def join(self, carrier: Follower) -> None:
        """``carrier`` follows from now on, and gets what has come so far."""
        if not self._followers and self._head is None and self._first is None:
            self._first = carrier
        elif self._head is None and self._timer is None:
            self._timer = self._plane.loop.call_later(self._cache.settings.wait, self._on_waited)
        self._followers.append(carrier)
        carrier.fill = self
        if self._head is not None and self.exchange is not None:
            carrier.begin(self._head, self.exchange)

    def leave(self, carrier: Follower) -> None:
        """``carrier`` follows no longer.  Without anybody it ends, in the next turn of the loop: this one may be inside of it."""
        if carrier in self._followers:
            self._followers.remove(carrier)
        if carrier is self._first:
            self._first = None
        if carrier.has_begun and not carrier.is_finished:
            self._settle(carrier, MISS)
        if not self._followers:
            if self.is_closed:
                self._pieces.drop_all()
            elif not self._is_alone:
                self._plane.loop.call_soon(self._on_deserted)
        elif self.is_paused:
            self.on_released()

    def finish(self, carrier: Follower) -> None:
        """``carrier`` has all of it: the first of those pays, and whoever leaves with a part of it does for that (``leave``)."""
        self._settle(carrier, WAITED if self._is_paid else MISS)
        self._is_paid = True

    def _settle(self, carrier: Follower, outcome: int) -> None:
        lookup = (carrier.exchange.notes or {}).get("cache") if carrier.exchange is not None else None
        if lookup is not None:
            lookup.outcome = outcome

    def _on_deserted(self) -> None:
        if not self._followers and not self.is_closed:
            self.abort()

    def _on_waited(self) -> None:
        """It takes longer than others wait: they go on alone, and whoever comes begins anew."""
        self._timer = None
        if self._head is None:
            self._cache.forget(self)
            self._send_away(self._followers[1:])

    def _send_away(self, carriers: list[Follower]) -> None:
        for carrier in carriers:
            exchange = carrier.exchange
            if carrier.fill is self and exchange is not None:
                self._followers.remove(carrier)
                carrier.fill = None
                self._cache.serve_alone(carrier, exchange)

    def _is_for(self, carrier: Follower) -> bool:
        return suits(carrier.exchange, self._item.selected if self._item is not None else ())

    def outdate(self) -> None:
        """What it asks for was changed meanwhile: it is not stored, and nobody joins it any more."""
        self._cache.forget(self)
        self._is_outdated = True
        self._item = None
        self.on_held()

    # --- its exchange

    def begin(self) -> None:
        """Ask the service."""
        copy, self._copy = self._copy, None
        if copy is not None:
            self._begun = self._plane.clock()
            self.exchange = copy
            copy.enter(self, self.listener, self._route)

    def begin_alone(self) -> None:
        """Ask the service, whether anybody follows or not."""
        self._is_alone = True
        self._plane.loop.call_soon(self.begin)

    def expect_body(self, exchange: Exchange) -> None:
        """See ``Client``."""
        exchange.body.is_framed = False

    def read_body(self) -> None:
        """See ``Client``: all of it is here."""
        if self.exchange is not None:
            self.exchange.body.received = self.exchange.body.held
            self.exchange.body.is_done = True

    @property
    def gathered(self) -> int:
        """Bytes of the request's body that wait here for their turn."""
        return self._copy.body.held if self._copy is not None else 0

    def go_on_alone(self) -> None:
        """Nobody need follow any more: it is kept, which is bounded."""
        self._is_alone = True

    def send_interim(self, exchange: Exchange) -> None:
        """See ``Client``: not to several."""

    # --- the answer

    def send_head(self, exchange: Exchange) -> None:
        """See ``Client``: see whom it is for."""
        response, now = exchange.response, self._plane.clock()
        self._stop_timer()
        fields = response.fields + response.extra
        made = find_field(b"\r\n" + fields, b"date")
        date = b"date: %b\r\n" % made if made is not None else self._plane.date
        fields = date + self._cache.told(without_fields(fields, (b"date",)))
        if self._stale is not None and response.status == 304:
            self._confirm(exchange, self._stale, fields, now)
            return
        if self._stale is not None and response.status >= 500 and self._has_spared(now):
            self._plane.loop.call_soon(self._on_deserted)
            return
        why, lives = self._judge(exchange, response.status, fields, now)
        self._begin(exchange, why, lives, fields)

    def _judge(self, exchange: Exchange, status: int, fields: bytes, now: float) -> tuple[str, Life | None]:
        """See ``Keeper.judge``."""
        return self._cache.judge(exchange, self.lookup, status, fields, now - self._begun)

    def _begin(self, exchange: Exchange, why: str, lives: Life | None, fields: bytes) -> None:
        response = exchange.response
        size = response.content_length if response.body == BODY_LENGTH else 0 if response.body == BODY_NONE else UNKNOWN
        is_fallback = NOTE in (exchange.notes or {})
        fits = size <= self._cache.settings.max_entry
        own = without_fields(fields, (b"content-length",))
        has_body = exchange.request.method != b"HEAD"
        if lives is not None and fits and has_body and not is_fallback and not self._is_outdated:
            self._item = self._made(response.status, self._cache.kept(own), lives, exchange)
        told = b"cache-status: fastgw; fwd=%b; fwd-status=%d%b\r\n" % (
            b"stale" if self._stale is not None else b"request" if not self.lookup.wish.is_fine else b"miss",
            response.status,
            b"; stored" if self._item is not None else b"",
        )
        known = self._item.is_known_to if self._item is not None else None
        self._head = Head(response.status, own + told, size, known)
        if self._item is None:
            self._cache.forget(self)
            if has_body and not is_fallback and not self._is_outdated and response.status < 500:
                self._cache.pass_by(self.lookup, self._plane.clock())
        is_reply = (exchange.notes or {}).get(NOTE) == REPLY
        is_everybodys = not why and (self._item is not None or is_reply or response.status >= 500)
        selected = self._cache.selected(exchange, own) if self._item is None and not is_reply else ()
        others = [
            one
            for one in self._followers
            if one is not self._first and not (is_everybodys and self._is_for(one) and suits(one.exchange, selected))
        ]
        for carrier in [one for one in self._followers if one not in others]:
            if carrier.fill is self:  # else it has left meanwhile
                carrier.begin(self._head, exchange)
        self._send_away(others)
        self.on_held()

    def _made(self, status: int, fields: bytes, lives: Life, exchange: Exchange) -> StoredAnswer:
        selected = self._cache.selected(exchange, fields)
        return StoredAnswer(self.lookup.place, self.lookup.key, selected, status, fields, b"", lives)

    def _confirm(self, exchange: Exchange, stale: StoredAnswer, news: bytes, now: float) -> None:
        """The service says that what is kept is still so."""
        fields = renewed(stale.fields, without_fields(news, (b"age",)))
        why, lives = self._judge(exchange, stale.status, renewed(stale.fields, news), now)
        item = stale
        if why or lives is None or self._is_outdated:
            self._cache.drop(stale, exchange)
        else:
            self._cache.drop(
                stale, exchange
            )  # it may depend on other fields now (Vary), and would stay beside what follows
            item = replace(self._made(stale.status, fields, lives, exchange), body=stale.body)
            self._cache.keep(item, exchange)
        self._cache.forget(self)
        self._is_alone = True  # it is over with this turn, whoever leaves
        for carrier in list(self._followers):
            follower = carrier.exchange
            if follower is None:
                continue
            if carrier is not self._first and (why or not suits(follower, item.selected)):
                self._send_away([carrier])
                continue
            self._cache.count(follower, REVALIDATED)
            carrier.send_stored(item, now, b"fwd=stale; fwd-status=304")

    def _has_spared(self, now: float) -> bool:
        """Give what is kept instead of an error, where the service has allowed that (``stale-if-error``)."""
        stale = self._stale
        if stale is None or stale.life.if_failing is None or not stale.life.is_good_in_need(now, float("inf")):
            return False
        self._cache.forget(self)
        for carrier in list(self._followers):
            if carrier.exchange is not None:
                self._cache.count(carrier.exchange, STALE)
                carrier.send_stored(stale, now)
        return True

    def piece(self, number: int) -> bytes | None:
        """One of the body; None: it has not come yet."""
        return self._pieces.get(number)

    def send_body(self, data: bytes) -> None:
        """See ``Client``."""
        if not data or self._head is None:
            return
        self._pieces.add(data)
        if self._item is not None and (self._is_too_large or self._pieces.are_too_many):
            self._item = None
            self._cache.forget(self)
        self._deliver()

    def send_last(self, data: bytes) -> None:
        """See ``Client``."""
        exchange = self.exchange
        if self._head is None or exchange is None:
            return
        if data:
            self._pieces.add(data)
        self.is_complete = True
        self.trailers = exchange.response.trailers
        self._cache.forget(self)
        item = self._item
        if item is not None and not self._is_too_large:
            whole = self._pieces.whole()
            if self._cache.is_whole(item, whole):
                self._cache.keep(replace(item, body=whole), exchange)
        self._deliver()

    @property
    def _is_too_large(self) -> bool:
        """To be kept: larger than it said, or than could be known."""
        return self._pieces.size > self._cache.settings.max_entry

    def _deliver(self) -> None:
        for carrier in list(self._followers):
            if carrier.fill is self:
                carrier.advance()
        if self._item is None:
            self._trim()
            self.on_held()

    def _trim(self) -> None:
        """Let go of what everybody has sent."""
        if self._followers:
            self._pieces.drop(min(one.sent for one in self._followers))
        else:
            self._pieces.drop_all()

    def on_held(self) -> None:
        """A client takes no more now, or it is not kept any longer: the service waits where nothing else bounds what is here."""
        exchange = self.exchange
        if self._item is None and self._head is not None and not self.is_complete and not self.is_paused:
            if exchange is not None and exchange.carrier is not None and any(one.is_held for one in self._followers):
                self.is_paused = True
                exchange.carrier.hold(HOLD_PEER)

    def on_released(self) -> None:
        """A client takes more again."""
        if self.is_paused and not any(one.is_held for one in self._followers):
            self.is_paused = False
            self._trim()
            if self.exchange is not None:
                self.exchange.on_client_ready()

    def send_reply(self, exchange: Exchange, reply: Reply) -> int:
        """See ``Client``: it is an error, as there is no filter."""
        self._fail(exchange)
        return 0

    def cut(self, exchange: Exchange) -> None:
        """See ``Client``."""
        self._fail(exchange)

    def _fail(self, exchange: Exchange) -> None:
        self._end()
        if self._head is None and self._has_spared(self._plane.clock()):
            return
        for carrier in list(self._followers):
            carrier.fail(exchange)
        self._pieces.drop_all()

    def on_finished(self, keep_alive: bool, is_request_done: bool) -> None:
        """See ``Client``."""
        self.exchange = None
        self._end()

    # --- its end

    def _end(self) -> None:
        self.is_closed = True
        self._stop_timer()
        self._cache.forget(self)
        self._plane.unconnected.discard(self)
        if not self._followers:  # else with the last of them
            self._pieces.drop_all()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def on_deadline(self, now: float) -> None:
        """See ``Client``."""
        if self.exchange is not None:
            self.exchange.on_deadline(now)

    def on_drain(self) -> None:
        """See ``Client``: what nobody waits for is not fetched."""
        if not self._followers:
            self.abort()

    def hold(self, bit: int) -> None:
        """See ``Connection``: nothing comes that could be held."""

    def release(self, bit: int) -> None:
        """See ``Connection``."""

    def close(self) -> None:
        """See ``Connection``."""
        self.abort()

    def abort(self) -> None:
        """See ``Connection``: nobody wants it any more."""
        copy, self._copy = self._copy, None
        exchange, self.exchange = self.exchange, None
        if not self.is_closed:
            self._end()
        if copy is not None:
            self._plane.body_bytes -= copy.body.held
            copy.reset()
            self._plane.give_back(copy)
        elif exchange is not None:
            exchange.abort()
