"""Answers that have not begun before their first content: their head is held, and what comes in front of that, so that another may answer.

    on_head ── a stream ──▶ held ── content ──▶ on_head once more, then all that was held, in order, and from then on nothing is held
                             ├ an error event, an end, a break, ``first_token_timeout`` ──▶ Exchange.fail: another try, another model
                             └ more than HELD_MAX bytes ──▶ as content

A model server says 200 as soon as it has a request, and whether it can answer only later.  As long as its answer is held, the exchange is
one without an answer, for everybody: its try is settled with when the content comes, with that time, or with the error; a hedge beside it
goes on; and its deadline is that of an answer that has not begun.  So what is learned of the service, by whomever, is its time to the first
token.  Held are streams of services that have a ``first_token_timeout``, and of models in whose place others may answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core.exchange import deadlines
from fastgw.core.exchange.broken_streams import count_broken
from fastgw.errors import RETRY_SAFE, UpstreamError
from fastgw.wire.messages import BODY_CHUNKED, BODY_NONE
from fastgw.wire.stream_events import EventError, form_of, parts, read, reader_of

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.snapshot.snapshot import Service
    from fastgw.errors import GatewayError

HELD_MAX: Final = 64 * 1024  #: bytes of one answer
NOTE: Final = "first_token"  #: seconds from the end of the request to the first content of an answer that was held
_END: Final = b"\n\n"  #: of an event, or a line


def is_plain_stream(exchange: Exchange) -> str:
    """The form of the answer, if it is a stream that can be read; else empty."""
    response = exchange.response
    if response.status != 200 or response.body == BODY_NONE:
        return ""
    form = form_of(response.header(b"content-type"))
    if not form:
        return ""
    coding = response.header(b"content-encoding")
    return form if coding is None or coding.strip(b" \t").lower() == b"identity" else ""


def may_be_held(exchange: Exchange, service: Service) -> bool:
    """Whether the answer whose head has come waits for its content; ``service``: of the exchange, or of the one that it stands beside."""
    if exchange.notes is not None and NOTE in exchange.notes:
        return False
    if not exchange.body.is_done or exchange.request.upgrade or not is_plain_stream(exchange):
        return False
    fallback: Any = service.fallback
    return service.settings.is_held or (fallback is not None and bool(fallback.awaits_content(exchange)))


def hold(exchange: Exchange) -> bool:
    """A ``Mind``: hold the answer, if it may be."""
    if not may_be_held(exchange, exchange.service):
        return False
    begin(exchange)
    within = deadlines.first_token_within(exchange)
    if within:  # from the end of the request; what is over already is met by the next sweep
        exchange.set_deadline(max(0.001, within - max(0.0, exchange.plane.now - exchange.sent)))
    else:
        exchange.set_deadline(exchange.route.stream_idle_timeout)
    return True


def begin(exchange: Exchange) -> None:
    """Hold the answer of ``exchange``, which has none as long as it is held."""
    response = exchange.response
    form = form_of(response.header(b"content-type"))
    if response.body == BODY_CHUNKED:
        response.lose_length()  # its chunks are taken off
    exchange.uncounted = counters.ANSWER_AWAITED
    exchange.outward = Beginning(exchange, form)


class Beginning:
    """An answer that is held: a ``Passing`` of which nothing goes on."""

    __slots__ = ("_exchange", "_form", "_kept", "_reader", "held", "is_whole")

    def __init__(self, exchange: Exchange, form: str) -> None:
        self._exchange = exchange
        self._form = form
        self._reader = reader_of(form)
        self._kept = bytearray()  # and not its pieces: a service may send it byte by byte
        self.held = 0  #: bytes, which the worker counts
        self.is_whole = False

    def belong_to(self, exchange: Exchange) -> None:
        """The try that is held is another exchange's now."""
        self._exchange = exchange

    def feed(self, data: bytes, is_last: bool) -> bytes | None:
        """See ``Passing``: of a request there is none."""
        raise NotImplementedError

    def feed_answer(self, data: bytes, is_last: bool) -> bytes | None:
        """See ``Passing``."""
        if data:
            self._kept += data
            self.held += len(data)
            self._exchange.plane.body_bytes += len(data)
        block = self._reader.feed(data)
        begin = self._reader.begin
        if is_last:
            block = block[begin:] + self._reader.finish() + _END
            begin = 0
        if block or self.held > HELD_MAX:
            self._look(block, begin, is_last)
        return None

    def break_off(self, error: GatewayError) -> bytes | None:
        """See ``Passing``: no head has gone out."""
        return None

    def leave(self) -> None:
        """See ``Passing``."""
        self._exchange.plane.body_bytes -= self.held
        self.held = 0

    def _look(self, block: bytes, begin: int, is_last: bool) -> None:
        for kind, data in parts(self._form, block, begin):
            found = read(kind, data)
            if isinstance(found, EventError):
                if found.is_of_service:
                    self._exchange.fail(_told(self._exchange, found))
                    return
                found = True
            if found:
                self._release(is_last)
                return
        if self.held > HELD_MAX:
            self._release(is_last)
        elif is_last:
            detail = "the service ended its answer before there was anything in it"
            self._exchange.fail(UpstreamError(502, "upstream_reset", detail, retry=RETRY_SAFE))

    def _release(self, is_last: bool) -> None:
        """The answer has begun: let go what is held."""
        exchange = self._exchange
        carrier = exchange.carrier
        self.leave()
        exchange.outward = None
        exchange.note(NOTE, round(max(0.0, exchange.plane.clock() - exchange.sent), 6))
        exchange.on_head()
        # As behind any head: a hook may have taken the exchange elsewhere, and a hedge's answer that wins is another's from here on.
        owner: Any = carrier.exchange if carrier is not None else None
        if owner is None or owner.carrier is not carrier:
            return
        data = bytes(self._kept)
        if is_last:
            owner.on_last_body(data, len(data))
        else:
            owner.on_body(data, len(data))


def _told(exchange: Exchange, found: EventError) -> UpstreamError:
    message = found.message
    for mind in exchange.service.minds or ():
        redact = getattr(mind, "redact_text", None)  # as ``exchange.redacting`` has it, of services with credentials
        message = message if redact is None else redact(message)
    said = f": {message}" if message else ""
    reason = f"the first event of its answer was an error, as of status {found.status}{said}"
    detail = message or "the service could not answer"
    error = UpstreamError(502, "error_event", detail, reason=reason)
    error.status = found.status
    return error


def give_up(exchange: Exchange, error: GatewayError) -> None:
    """``error`` ends a try whose answer is held: of that nothing has gone anywhere, so it is as if none had begun."""
    assert exchange.outward is not None
    exchange.outward.leave()
    exchange.outward = None
    count_broken(exchange, error.code)
    if error.code == "upstream_reset" and not error.retry:
        error.retry = RETRY_SAFE
