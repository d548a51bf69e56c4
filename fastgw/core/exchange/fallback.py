"""What answers in the place of a service that cannot: another service, an answer that is written here, or one that was kept.

    Relay.fail ── nothing more to try ──▶ StandIn.takes ──────────────────────────┬──▶ tries.ask, at the service of the
    Relay.on_head ── a status that counts as no answer ──▶ StandIn.takes_answer ──┘    first step that fits

Every step leads to a service; what is not asked of anybody else has a local one.  A service in another's place is a copy of itself whose
own fallback is the rest of the list, so that no request can go in circles.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final

from fastgw.core import counters
from fastgw.core.exchange import arriving, passage, tries
from fastgw.core.labels import FALLBACK_CAUSES
from fastgw.errors import RETRY_UNSEEN
from fastgw.policy.fallback import STATUS, cause_of, is_meant
from fastgw.wire.methods import IDEMPOTENT

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.snapshot.snapshot import Service
    from fastgw.errors import GatewayError

FIELD: Final = b"x-fastgw-fallback"  #: of every such answer: what made it
SERVICE, REPLY, CACHED = "service", "reply", "cached"  #: what there is
NOTE: Final = "fallback"  #: what made the answer; of these two notes the access log tells
NOTE_FROM: Final = "fallback_from"  #: in whose place, and why


class StandIn:
    """One step, and those behind it."""

    __slots__ = ("_is_ready", "_on", "_statuses", "_then", "kind", "service")

    def __init__(
        self,
        kind: str,
        service: Service,
        on: Collection[str],
        statuses: Collection[int],
        then: StandIn | None = None,
        is_ready: Callable[[Exchange], bool] | None = None,
    ) -> None:
        """
        Args:
            kind: one of ``SERVICE``, ``REPLY`` and ``CACHED``.
            service: what answers; its own fallback is ``then``.
            on: causes for which it does.
            statuses: of errors and answers for which it does.
            then: the steps behind it.
            is_ready: whether it has an answer for an exchange; None: always.
        """
        self.kind = kind
        self.service = service
        self._on = frozenset(on)
        self._statuses = frozenset(statuses)
        self._then = then
        self._is_ready = is_ready

    def takes(self, exchange: Exchange, error: GatewayError) -> bool:
        """Ask the first step that fits, after ``error``, which nobody else can be asked after; False: none does, the client is told.

        The exchange has no carrier and no endpoint any more.
        """
        if exchange.replied is not None or exchange.is_leaving or exchange.outward is not None:
            return False  # an answer has begun already
        is_unsent = error.retry >= RETRY_UNSEEN or not exchange.attempts
        step = self._first(exchange, cause_of(error.code), error.status, is_unsent=is_unsent)
        if step is None:
            return False
        step._ask(exchange, cause_of(error.code), error.code)
        return True

    @property
    def services(self) -> list[Service]:
        """Those that a request may come to: of this step, and of those behind it."""
        return [self.service, *(self._then.services if self._then is not None else ())]

    def takes_answer(self, exchange: Exchange) -> bool:
        """A ``Mind``: ask the first step that fits to the status of the answer which has just begun; False: none does."""
        status = exchange.response.status
        step = self._first(exchange, STATUS, status, is_unsent=False)
        if step is None:
            return False
        exchange.set_aside()
        step._ask(exchange, STATUS, str(status))
        return True

    @property
    def minds_answers(self) -> bool:
        """Whether this step, or one behind it, is also for answers of the service."""
        return bool(self._statuses) or (self._then is not None and self._then.minds_answers)

    def awaits_content(self, exchange: Exchange) -> bool:
        """Whether a stream of the service counts as no answer until it has content, because this step, or one behind it, could take it."""
        return False

    def _first(self, exchange: Exchange, cause: str, status: int, *, is_unsent: bool) -> StandIn | None:
        step: StandIn | None = self
        while step is not None and not (
            is_meant(step._on, step._statuses, cause, status) and step._can(exchange, is_unsent=is_unsent)
        ):
            step = step._then
        return step

    def _can(self, exchange: Exchange, *, is_unsent: bool) -> bool:
        """Whether this step can answer now.

        Another service only as long as there is time for it, and a request that may have been acted on no more than another endpoint gets
        it: an idempotent one, or of a method that the service lets be sent again, and if it has a body only while that is held."""
        if self._is_ready is not None:
            return self._is_ready(exchange)
        if self.kind != SERVICE:
            return True
        if exchange.last and exchange.plane.now >= exchange.last:
            return False
        request, body = exchange.request, exchange.body
        if is_unsent or (request.has_body and not (body.is_done and body.is_kept)):
            return is_unsent
        return request.method in IDEMPOTENT or request.method in (exchange.service.resends or ())

    def _ask(self, exchange: Exchange, cause: str, code: str) -> None:
        plane = exchange.plane
        base = exchange.service.base + counters.SERVICE_FALLBACKS
        plane.values[base + FALLBACK_CAUSES.index(cause)] += 1
        exchange.note(NOTE, self.kind)
        exchange.note(NOTE_FROM, f"{exchange.service.name}: {code}")
        tries.leave(exchange)
        is_unseen = not exchange.attempts and exchange.inward is None and self.kind == SERVICE
        tries.begin_anew(exchange)
        exchange.service = self.service
        if is_unseen and exchange.route.chain.request_body and exchange.request.has_body:
            # A gate has turned it away before its body met the hooks of filters, which nothing goes to a service without.
            if not passage.begin_request(exchange):
                return
            if not exchange.body.is_done:
                arriving.wait(exchange)
                return
        tries.ask(exchange, self.service.members.ready)


def mark(exchange: Exchange) -> bool:
    """A ``Mind`` of a service in another's place: its answer says what it is, and is passed on."""
    exchange.response.set_header(FIELD, SERVICE.encode())
    return False
