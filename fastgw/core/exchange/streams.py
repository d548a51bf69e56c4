"""Streams of model servers on their way to the client: how one ends that broke off, and what is done about silence in it.

    service ──▶ StreamHook ──▶ other body hooks of the chain ──▶ client
                    │ whole events alone, so that the last that came is one
                    ├ the service breaks off ──▶ an event that says so, in the dialect of the stream, then a proper end; no ``[DONE]``
                    ├ no event for ``event_timeout`` ──▶ the same
                    └ nothing for ``keep_alive`` ──▶ a comment

It is the hook closest to the service, so that metering, translation and compression see its words as they see those of the service.
An event of which only a part has come is not passed on: nobody could do anything with a part, and behind one that was cut no other could be
read.  A piece that holds whole events goes on in the turn in which it came, as the object that it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastgw.core.exchange.beginnings import is_plain_stream
from fastgw.core.exchange.reply import error_reply
from fastgw.core.exchange.streaming import StreamingHook
from fastgw.errors import UpstreamError
from fastgw.wire.fields import find_field
from fastgw.wire.inference import dialect_of
from fastgw.wire.media_types import USUAL_STREAMS
from fastgw.wire.messages import BODY_NONE
from fastgw.wire.ndjson import LineReader
from fastgw.wire.sse import EventReader
from fastgw.wire.stream_events import COMMENT, EVENTS, dialect_in, error_event, is_life_alone

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.settings import StreamSettings
    from fastgw.errors import GatewayError

NAMED_MODEL = "asked_model"  #: the note of a request that has named a model (``core.models.asked``)
TRANSLATED = "dialect_call"  #: that of one that was translated (``transformers.dialects``)
_BEGINNING = 1024  #: bytes
_LEAST = 0.01  #: seconds between two looks


class StreamFilter:
    """What stands in the chains of routes that lead to model servers, closest to the service."""

    name = "streams"
    #: It is not asked of answers that have a length, in which there is no place for another event.
    is_of_streams = True

    def read_response(self, exchange: Exchange) -> StreamHook | None:
        """What sees the answer; None: it is no stream, or nothing is to be done about it."""
        settings = exchange.service.settings.streams
        if settings is None and (exchange.notes is None or NAMED_MODEL not in exchange.notes):
            return None
        response = exchange.response
        is_usual = response.status == 200 and response.header(b"content-type") in USUAL_STREAMS
        if is_usual and response.body != BODY_NONE and response.header(b"content-encoding") is None:
            form = EVENTS
        else:
            form = is_plain_stream(exchange)
        return StreamHook(exchange, form, settings) if form else None


class StreamHook(StreamingHook):
    """One stream."""

    __slots__ = (
        "_began",
        "_event_at",
        "_event_timeout",
        "_exchange",
        "_form",
        "_is_own",
        "_keep_alive",
        "_reader",
        "_sent_at",
        "_serial",
        "_tells",
        "_timer",
    )

    def __init__(self, exchange: Exchange, form: str, settings: StreamSettings | None) -> None:
        """``settings``: those of its service; None: it says nothing."""
        self._exchange = exchange
        self._serial = exchange.serial
        self._form = form
        self._reader = EventReader() if form == EVENTS else LineReader()
        self._began = b""  #: what tells its dialect, if it breaks off: how its first events begin; empty: none has come
        self._is_own = False  #: what is fed now are words of ours
        self._tells = settings is None or settings.error_event
        self._event_timeout = 0.0 if settings is None else settings.event_timeout
        self._keep_alive = settings.keep_alive if settings is not None and form == EVENTS else 0.0
        self._event_at = self._sent_at = 0.0  #: when the last event came, and anything went out, where that matters
        self._timer: Any = None
        if self._event_timeout or self._keep_alive:
            self._event_at = self._sent_at = exchange.plane.clock()
            self._wait(self._event_at)

    def feed(self, data: bytes) -> bytes:
        """See ``BodyHook``."""
        if self._is_own:
            return data
        block = self._reader.feed(data)
        if block:
            if not self._began:
                self._began = block if len(block) <= _BEGINNING else block[:_BEGINNING]
            if self._timer is not None:
                self._mark(block)
        return block

    def finish(self) -> bytes:
        """See ``BodyHook``: some servers forget the end of the last event, so what is left is passed on."""
        self._stop()
        return b"" if self._is_own else self._reader.finish()

    def broken(self, error: GatewayError) -> bytes | None:
        """See ``BodyHook``.  Inside of an event that is too long to be held nothing can be said."""
        self._stop()
        if not self._tells or self._reader.is_inside:
            return None
        self._reader.finish()
        dialect = dialect_in(self._form, self._began, self._asked())
        request_id = self._exchange.request.request_id.decode("latin-1")
        return error_event(self._form, dialect, error_reply(error, dialect, request_id).body)

    def _asked(self) -> str:
        """The dialect of what was asked for, as the service has been told of it."""
        notes, request = self._exchange.notes, self._exchange.request
        call = None if notes is None else notes.get(TRANSLATED)
        if call is not None:
            service: str = call.service
            return service
        return dialect_of(request.matched_path, find_field(request.head, b"anthropic-version"))

    # --- silence

    def _mark(self, block: bytes) -> None:
        now = self._sent_at = self._exchange.plane.clock()
        begin = self._reader.begin
        is_told = block.find(b"data:", begin) >= 0 and block.find(b"ping", begin) < 0  # as in almost all
        if is_told or not self._event_timeout or not is_life_alone(self._form, block, begin):
            self._event_at = now

    def _wait(self, now: float) -> None:
        """Look again when the first of both times may be over: what comes meanwhile makes no timer."""
        due = [
            at + most for at, most in ((self._event_at, self._event_timeout), (self._sent_at, self._keep_alive)) if most
        ]
        self._timer = self._exchange.plane.loop.call_later(max(_LEAST, min(due) - now), self._look)

    def _look(self) -> None:
        exchange = self._exchange
        if exchange.serial != self._serial:
            return
        now = exchange.plane.clock()
        if exchange.client.is_paused or exchange.withheld is not None:  # it is not the service that is waited for
            self._event_at = self._sent_at = now
        if self._event_timeout and now - self._event_at >= self._event_timeout - _LEAST / 2:
            detail = f"the service sent no event for {self._event_timeout:g} s"
            exchange.fail(UpstreamError(504, "event_timeout", detail))
            return
        if self._keep_alive and now - self._sent_at >= self._keep_alive - _LEAST / 2:
            self._sent_at = now
            self._say(exchange)
        if exchange.serial == self._serial:
            self._wait(now)

    def _say(self, exchange: Exchange) -> None:
        """Let the client have a comment.  The service has said nothing, so its deadline stays."""
        deadline = exchange.client.deadline
        self._is_own = True
        exchange.on_body(COMMENT, len(COMMENT))
        self._is_own = False
        if exchange.serial == self._serial:
            exchange.client.deadline = deadline

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
