"""Puts each request into a trace, decides whether it is recorded, and hands what was recorded on (``telemetry.traces``).

It is no filter that a chain can name: it stands in front of all chains, before routing too, and is the ``Witness`` of all tries.

A trace goes on where its ``traceparent`` is one and comes from a peer that is trusted: then the peer has decided whether it is recorded.
Any other request begins a new one, by chance recorded or not; a context of somebody who is not trusted is a link of it, and no more.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core.exchange.hooks import TRACE
from fastgw.core.exemplars import Exemplars
from fastgw.filters.span_buffer import SpanBuffer
from fastgw.filters.trace import EDITED, Trace, tell
from fastgw.wire import scan
from fastgw.wire.fields import find_field
from fastgw.wire.trace_context import PARENT, RANDOM, SAMPLED, STATE, Context, parent_of, read_parent, read_state

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.plane import Plane
    from fastgw.core.settings import TraceSettings
    from fastgw.core.snapshot.snapshot import Service
    from fastgw.errors import GatewayError

NO_SPAN: Final = b""
_ZEROS: Final = b"0" * 32
_ALL: Final = 1 << 56  # values that the last seven bytes of a trace id have, which chance is in (level 2, section 4)
_POOL: Final = 4096  # random bytes that are fetched at once
#: Methods that OpenTelemetry knows.
_KNOWN: Final = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"QUERY"))


class Tracing:
    """All of one configuration in one worker."""

    __slots__ = (
        "_at",
        "_buffer",
        "_chance",
        "_exemplars",
        "_plane",
        "_pool",
        "_refuses",
        "_trusts_all",
        "_trusts_some",
        "name",
        "traces",
    )

    def __init__(self, plane: Plane, settings: TraceSettings, chance: Callable[[int], bytes] = os.urandom) -> None:
        """``chance``: returns so many random bytes."""
        self.name = "telemetry.traces"
        self.traces = True  #: see ``Chain.is_traced``
        self._plane = plane
        self._chance = chance
        self._pool = b""  # random digits
        self._at = 0  # those before are used
        # A new trace is recorded whose last digits are not less.
        self._refuses = b"g" if settings.sample <= 0 else b"%014x" % int((1.0 - settings.sample) * _ALL)
        self._trusts_all = settings.parents == "any"
        self._trusts_some = settings.parents == "trusted"
        self._buffer = SpanBuffer(plane)
        self._exemplars = Exemplars(plane.values)

    @property
    def witness(self) -> Tracing:
        """See ``Sending``, which it is of services with which nothing else is done."""
        return self

    def new_span(self) -> bytes:
        """The id of a new span."""
        return self._digits(16)

    def _digits(self, count: int) -> bytes:
        """``count`` random hexadecimal digits, at most 32, which are not all zeros."""
        at = self._at
        if at + count > len(self._pool):
            self._pool = self._chance(_POOL).hex().encode()
            at = 0
        self._at = at + count
        found = self._pool[at : at + count]
        return found if found != _ZEROS[:count] else _ZEROS[1:count] + b"1"

    # --- a request comes

    def request(self, exchange: Exchange) -> None:
        """Let it have a place in a trace."""
        request = exchange.request
        head = request.head
        sent = find_field(head, PARENT)
        state = find_field(head, STATE)
        if sent is None and state is None:
            trace = self._digits(32)
            if trace[18:] < self._refuses:
                request.extra = scan.join(
                    (request.extra, b"traceparent: 00-", trace, b"-", self._digits(16), b"-02\r\n")
                )
                request.edited = EDITED if request.edited is None else request.edited | EDITED
            else:
                self._record(exchange, (trace, NO_SPAN, SAMPLED | RANDOM), b"", ())
            return
        parent = read_parent(sent) if sent is not None else None
        if parent is None:
            self._begin(exchange, ())
        elif not self._trusts(exchange):
            self._begin(exchange, (parent,))
        else:
            self._go_on(exchange, parent, state)

    def _trusts(self, exchange: Exchange) -> bool:
        return self._trusts_all or (self._trusts_some and exchange.client.is_trusted)

    def _begin(self, exchange: Exchange, links: tuple[Context, ...]) -> None:
        """A new trace, in the place of what the client says."""
        trace = self._digits(32)
        if trace[18:] < self._refuses:
            tell(exchange, parent_of(trace, self._digits(16), RANDOM), b"")
        else:
            self._record(exchange, (trace, NO_SPAN, SAMPLED | RANDOM), b"", links)

    def _go_on(self, exchange: Exchange, parent: Context, state: bytes | None) -> None:
        """That of the peer: what is not recorded passes as it came, so that whoever is asked next has a parent that may be recorded."""
        kept = b"" if state is None else read_state(state)
        if parent[2] & SAMPLED:
            self._record(exchange, parent, kept, ())
        elif state is not None and kept != state:
            tell(exchange, parent_of(*parent), kept)

    def _record(self, exchange: Exchange, context: Context, state: bytes, links: tuple[Context, ...]) -> None:
        plane = self._plane
        trace = Trace(context, state, links, plane.clock, plane.wall, self.new_span)
        exchange.note(TRACE, trace)
        tell(exchange, parent_of(trace.id, trace.span, trace.flags), state)

    # --- its tries, see ``Witness``

    def on_ask(self, exchange: Exchange) -> None:
        """See ``Witness``."""
        trace = _trace_of(exchange)
        if trace is not None:
            trace.ask(exchange)

    def on_sent(self, exchange: Exchange) -> None:
        """See ``Sending``: there is nothing to do."""

    def on_carrier(self, exchange: Exchange) -> None:
        """See ``Witness``, and ``Sending``."""
        trace = _trace_of(exchange)
        if trace is not None:
            trace.carry(exchange)

    def on_answer(self, exchange: Exchange) -> None:
        """See ``Witness``."""
        trace = _trace_of(exchange)
        if trace is not None:
            trace.answer(exchange)

    def on_failure(self, exchange: Exchange, error: GatewayError) -> None:
        """See ``Witness``."""
        trace = _trace_of(exchange)
        if trace is not None:
            trace.fail(exchange, error)

    def mind(self, exchange: Exchange) -> bool:
        """A ``Mind`` that only looks on."""
        if exchange.notes is not None:
            self.on_answer(exchange)
        return False

    # --- it is over

    def done(self, exchange: Exchange) -> None:
        """Hand on what was recorded."""
        if exchange.notes is None:
            return
        trace = _trace_of(exchange)
        if trace is not None:
            name, attributes, kind = described(exchange)
            record = trace.finish(name, attributes, exchange.error, kind)
            self._plane.values[counters.SPANS] += len(record[-1])
            self._buffer.add(record)
            plane = self._plane
            seconds = plane.clock() - exchange.started
            self._exemplars.keep(exchange.route.base, seconds, bytes.fromhex(trace.id.decode()), plane.wall())

    def stop(self) -> None:
        """Another configuration has taken over, or the worker ends."""
        self._buffer.finish()


def _trace_of(exchange: Exchange) -> Trace | None:
    notes = exchange.notes
    return None if notes is None else notes.get(TRACE)


def described(exchange: Exchange) -> tuple[str, tuple[tuple[str, str | int | bool], ...], str]:
    """The name of the span of an exchange that is over, its attributes as OpenTelemetry calls them, and ``error.type``, empty if it is no
    failure of the gateway or a service.  No query and no field but User-Agent is among them."""
    request, error, pattern = exchange.request, exchange.error, exchange.route.pattern
    service: Service | None = exchange.service
    method = _text(request.method) if request.method in _KNOWN else "_OTHER"
    status = 499 if error is not None and error.status == 499 else exchange.response.status
    is_failed = status >= 500 or (error is not None and error.fault != "downstream")
    kind = (error.code if error is not None else str(status)) if is_failed else ""
    host, port = _host_of(_text(request.authority))
    route = "" if pattern is None else str(pattern)
    found: dict[str, Any] = {
        "http.request.method": method,
        "http.request.method_original": _text(request.method) if method == "_OTHER" else "",
        "url.scheme": _text(request.forwarded_proto or exchange.listener.scheme),
        "url.path": _text(request.original_path or request.path),
        "server.address": host,
        "server.port": port,
        "client.address": _text(exchange.client.address),
        "network.protocol.version": f"1.{request.minor}",
        "user_agent.original": _text(request.header(b"user-agent") or b"")[:256],
        "http.route": route,
        "http.response.status_code": status,
        "error.type": kind,
        "fastgw.listener": exchange.listener.name,
        "fastgw.route": exchange.route.name,
        "fastgw.service": "" if service is None else service.name,
        "fastgw.request_id": _text(request.request_id),
        "fastgw.tries": exchange.attempts,
        "fastgw.error": error.code if error is not None else "",
    }
    known = [(key, value) for key, value in found.items() if value]
    known += [("http.request.body.size", exchange.body.received), ("http.response.body.size", exchange.bytes_out)]
    return f"{'HTTP' if method == '_OTHER' else method} {route}".strip(), tuple(known), kind


def _host_of(authority: str) -> tuple[str, int]:
    """Host and port; 0: none is said."""
    host, _, port = authority.rpartition(":")
    return (host, int(port)) if host and port.isdigit() else (authority, 0)


def _text(value: bytes) -> str:
    return value.decode("latin-1")
