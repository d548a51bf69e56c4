"""What carries an exchange to an answer that a cache has, or gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fastgw.adapters.local import LocalCarrier, local_service
from fastgw.core import counters
from fastgw.core.exchange import arriving
from fastgw.core.exchange.fallback import CACHED, FIELD, NOTE, NOTE_FROM
from fastgw.wire.lines import without_fields

if TYPE_CHECKING:
    from fastgw.adapters.cache_parts import Followed, Head, Keeper
    from fastgw.adapters.stored import StoredAnswer
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.snapshot.snapshot import Service


class CacheCarrier(LocalCarrier):
    """Carries one exchange: it sends what is kept, or follows a ``Fill`` at its client's pace."""

    def __init__(self, cache: Keeper, service: Service) -> None:
        """``service``: the one that is asked for what ``cache`` does not have."""
        LocalCarrier.__init__(self)
        self._cache = cache
        self.service = service
        self.fill: Followed | None = None  #: what it follows
        self.has_begun = False  #: its answer has
        self.is_finished = False  #: it needs no more of that
        self._at = 0  #: pieces of that which it has sent

    # --- the request, whose body stays with its exchange: it may have to be sent again

    def carry(self, exchange: Exchange) -> None:
        """See ``Carrier``."""
        self.exchange = exchange
        if not exchange.body.is_kept:  # else it is counted already
            exchange.plane.body_bytes += exchange.body.held
        if exchange.body.is_done:
            self.answer_soon(exchange)
        else:
            arriving.ask_for_more(exchange)

    def send_body(self, data: bytes, is_last: bool) -> None:
        """See ``Carrier``: it waits for the rest."""
        exchange = self.exchange
        if exchange is None:
            return
        if not exchange.body.is_kept:
            exchange.body.keep(data)
            exchange.plane.body_bytes += len(data)
        if is_last:
            exchange.plane.loop.call_soon(self._answer)

    @property
    def body(self) -> bytes:
        """That of the request."""
        return b"".join(self.exchange.body.pending) if self.exchange is not None else b""

    def answer(self, exchange: Exchange) -> None:
        """See ``LocalCarrier``.

        Raises:
            DownstreamError: as ``RouteCache.serve``.
        """
        exchange.set_deadline(0.0)  # whoever fetches it has deadlines of its own
        self._cache.serve(self, exchange)

    # --- an answer that is kept

    def send_stored(self, item: StoredAnswer, now: float, how: bytes = b"hit") -> None:
        """Answer with ``item``; ``how``: as ``Cache-Status`` has it (RFC 9211)."""
        exchange = self.exchange
        assert exchange is not None
        self._leave_fill()
        age = item.life.age_at(now)
        said = b"age: %d\r\ncache-status: fastgw; %b; ttl=%d\r\n" % (int(age), how, int(item.life.lifetime - age))
        fields = item.fields + said
        if exchange.request.method != b"POST" and item.is_known_to(exchange.request.header):
            self.send_head(exchange, 304, without_fields(fields, (b"content-type", b"content-encoding")), 0)
        elif self.send_head(exchange, item.status, fields, len(item.body)):
            exchange.on_last_body(item.body, len(item.body))

    # --- one that is fetched

    def begin(self, head: Head, asked: Exchange) -> None:
        """The fill has the head of an answer, of ``asked``."""
        exchange = self.exchange
        assert exchange is not None
        self._tell(exchange, asked)
        self.has_begun = True
        fill = self.fill
        if (
            fill is not None
            and exchange.request.method == b"GET"
            and head.is_known_to is not None
            and head.is_known_to(exchange.request.header)
        ):
            fill.go_on_alone()
            self.is_finished = True
            self._leave_fill()
            fields = without_fields(head.fields, (b"content-type", b"content-encoding"))
            self.send_head(exchange, 304, fields, 0)
            return
        if self.send_head(exchange, head.status, head.fields, head.size):
            self.advance()

    def fail(self, asked: Exchange | None) -> None:
        """The fill has failed, with the error of ``asked``."""
        exchange = self.exchange
        if exchange is not None and asked is not None and asked.error is not None:
            self._tell(exchange, asked)
            self.fill = None
            exchange.uncounted = counters.ANSWER_COUNTED  # where it was asked for
            exchange.fail(asked.error)

    def _tell(self, exchange: Exchange, asked: Exchange) -> None:
        """Let the logs say of ``exchange`` what there is to say of who was asked."""
        exchange.asked = asked.asked
        exchange.attempts = asked.attempts
        for name in (NOTE, NOTE_FROM):
            if asked.notes is not None and name in asked.notes:
                exchange.note(name, asked.notes[name])

    def advance(self) -> None:
        """Send what there is, unless the client takes no more now."""
        exchange = self.exchange
        while exchange is not None and self.exchange is exchange and not self._holds and self.fill is not None:
            fill = self.fill
            data = fill.piece(self._at)
            if data is not None:
                self._at += 1
            if fill.is_complete and fill.piece(self._at) is None:
                self.is_finished = True
                fill.finish(self)
                if fill.trailers:
                    exchange.response.trailers = fill.trailers
                    exchange.response.rare = True
                exchange.on_last_body(data or b"", len(data or b""))
                return
            if data is None:
                return
            exchange.on_body(data, len(data))

    @property
    def sent(self) -> int:
        """Pieces that it needs no more."""
        return self._at

    def hold(self, bit: int) -> None:
        """See ``Connection``."""
        LocalCarrier.hold(self, bit)
        if self.fill is not None:
            self.fill.on_held()

    def release(self, bit: int) -> None:
        """See ``Connection``."""
        LocalCarrier.release(self, bit)
        if not self._holds and self.has_begun:
            self.advance()
        if self.fill is not None:
            self.fill.on_released()

    def leave(self) -> None:
        """See ``Carrier``: who waits with it goes on."""
        self._leave_fill()
        LocalCarrier.leave(self)

    def _leave_fill(self) -> None:
        fill, self.fill = self.fill, None
        if fill is not None:
            fill.leave(self)


class LastGoodCarrier(LocalCarrier):
    """Answers with what a cache has kept, however stale, in the place of a service that fails."""

    __slots__ = ()

    def takes_body(self, exchange: Exchange) -> bool:
        """See ``LocalCarrier``: it is here, as it has been asked with."""
        return False

    def answer(self, exchange: Exchange) -> None:
        """See ``LocalCarrier``."""
        item = last_good(exchange)
        assert item is not None
        now = exchange.plane.clock()
        said = b"age: %d\r\n%b: %b\r\n" % (int(item.life.age_at(now)), FIELD, CACHED.encode())
        if self.send_head(exchange, item.status, item.fields + said, len(item.body)):
            exchange.on_last_body(item.body, len(item.body))


def last_good_service() -> Service:
    """What answers with what a cache has kept."""
    return local_service(CACHED, LastGoodCarrier)


def last_good_within(most: float) -> Callable[[Exchange], bool]:
    """Whether a cache has kept something for an exchange that is no older than ``most`` seconds, and may be used in need."""

    def is_ready(exchange: Exchange) -> bool:
        item = last_good(exchange)
        return item is not None and item.life.is_good_in_need(exchange.plane.clock(), most)

    return is_ready


def last_good(exchange: Exchange) -> StoredAnswer | None:
    """What a cache has kept for the request of ``exchange``."""
    lookup = (exchange.notes or {}).get("cache")
    return lookup.find(exchange) if lookup is not None else None
