"""Puts each request into a trace, decides whether it is recorded, and hands what was recorded on (``telemetry.traces``).

It is no filter that a chain can name: it stands in front of all chains, before routing too, and is the ``Witness`` of all tries.

A trace goes on where its ``traceparent`` is one and comes from a peer that is trusted: then the peer has decided whether it is recorded.
Any other request begins a new one, by chance recorded or not; a context of somebody who is not trusted is a link of it, and no more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core.exchange.about import TRACE
from fastgw.core.exemplars import Exemplars
from fastgw.core.labels import GRPC_STATUS as CODE
from fastgw.filters.span_buffer import SpanBuffer
from fastgw.filters.trace import EDITED, Trace, tell
from fastgw.filters.trace_ids import TraceIds
from fastgw.wire import lines as field_lines
from fastgw.wire.fields import find_field
from fastgw.wire.trace_context import PARENT, RANDOM, SAMPLED, STATE, Context, parent_of, read_parent, read_state

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.plane import Plane
    from fastgw.core.settings import TraceSettings
    from fastgw.core.snapshot.snapshot import Service
    from fastgw.errors import GatewayError
    from fastgw.wire.messages import Request

NO_SPAN: Final = b""
_FIELDS: Final = (PARENT, STATE)
#: Methods that OpenTelemetry knows.
_KNOWN: Final = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"QUERY"))

#: Attributes of the conventions for generative AI, and the keys of the note that have them.
_GEN_AI: Final = (
    ("gen_ai.request.model", "requested_model"),
    ("gen_ai.response.model", "model"),
    ("gen_ai.usage.input_tokens", "prompt_tokens"),
    ("gen_ai.usage.output_tokens", "completion_tokens"),
    ("gen_ai.usage.cache_read.input_tokens", "cached_tokens"),
    ("gen_ai.usage.reasoning.output_tokens", "reasoning_tokens"),
)


class Tracing:
    """All of one configuration in one worker."""

    __slots__ = (
        "_buffer",
        "_exemplars",
        "_ids",
        "_plane",
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
        self._ids = TraceIds(settings.sample, chance)
        self._trusts_all = settings.parents == "any"
        self._trusts_some = settings.parents == "trusted"
        self._buffer = SpanBuffer(plane)
        self._exemplars = Exemplars(plane.values)

    # --- a request comes

    def request(self, exchange: Exchange) -> None:
        """Let it have a place in a trace."""
        request = exchange.request
        if field_lines.has_any(request.head, _FIELDS):
            self._take_up(exchange)
        else:
            self._begin(exchange, ())

    def _take_up(self, exchange: Exchange) -> None:
        """Go on with what its fields say, or with nothing of it."""
        request = exchange.request
        sent, state = find_field(request.head, PARENT), find_field(request.head, STATE)
        parent = read_parent(sent) if sent is not None else None
        if parent is not None and self._trusts(exchange):
            self._go_on(exchange, parent, state)
        else:
            request.change(_FIELDS, b"", EDITED if request.edited is None else request.edited | EDITED)
            self._begin(exchange, () if parent is None else (parent,))

    def _trusts(self, exchange: Exchange) -> bool:
        return self._trusts_all or (self._trusts_some and exchange.client.is_trusted)

    def _begin(self, exchange: Exchange, links: tuple[Context, ...]) -> None:
        """A new trace; the request says nothing of another."""
        request = exchange.request
        extra = self._ids.unrecorded(request.extra)
        if extra is None:
            self._record(exchange, (self._ids.trace(), NO_SPAN, SAMPLED | RANDOM), b"", links)
        else:
            request.extra = extra
            request.edited = EDITED if request.edited is None else request.edited | EDITED

    def _go_on(self, exchange: Exchange, parent: Context, state: bytes | None) -> None:
        """That of the peer: what is not recorded passes as it came, so that whoever is asked next has a parent that may be recorded."""
        kept = b"" if state is None else read_state(state)
        if parent[2] & SAMPLED:
            self._record(exchange, parent, kept, ())
        elif state is not None and kept != state:
            tell(exchange, parent_of(*parent), kept)

    def _record(self, exchange: Exchange, context: Context, state: bytes, links: tuple[Context, ...]) -> None:
        plane = self._plane
        trace = Trace(context, state, links, plane.clock, plane.wall, self._ids)
        exchange.note(TRACE, trace)
        tell(exchange, parent_of(trace.id, trace.span, trace.flags), state)

    # --- its tries, see ``Witness``

    def on_ask(self, exchange: Exchange) -> None:
        """See ``Witness``."""
        trace = _trace_of(exchange)
        if trace is not None:
            trace.ask(exchange)

    def on_carrier(self, exchange: Exchange) -> None:
        """See ``Witness``."""
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
    code = -1 if exchange.notes is None else exchange.notes.get(CODE, -1)
    if code >= 0 and not kind:
        kind = _call_failure(code)
    host, port = _host_of(_text(request.authority))
    route = "" if pattern is None else str(pattern)
    found: tuple[tuple[str, str | int], ...] = (
        ("http.request.method", method),
        ("http.request.method_original", _text(request.method) if method == "_OTHER" else ""),
        ("url.scheme", _text(request.forwarded_proto or exchange.listener.scheme)),
        ("url.path", _text(request.original_path or request.path)),
        ("server.address", host),
        ("server.port", port),
        ("client.address", _text(exchange.client.address)),
        ("network.protocol.version", _text(exchange.client.version) if request.minor else "1.0"),
        ("user_agent.original", _text(request.header(b"user-agent") or b"")[:256]),
        ("http.route", route),
        ("http.response.status_code", status),
        ("error.type", kind),
        ("fastgw.listener", exchange.listener.name),
        ("fastgw.route", exchange.route.name),
        ("fastgw.service", "" if service is None else service.name),
        ("fastgw.request_id", _text(request.request_id)),
        ("fastgw.tries", exchange.attempts),
        ("fastgw.error", error.code if error is not None else ""),
    )
    known = [one for one in found if one[1]]
    if code >= 0:
        known += _of_call(request, code)
    known += _usage(exchange.notes)
    known += [("http.request.body.size", exchange.body.received), ("http.response.body.size", exchange.bytes_out)]
    return f"{'HTTP' if method == '_OTHER' else method} {route}".strip(), tuple(known), kind


def _of_call(request: Request, code: int) -> list[tuple[str, str | int]]:
    """Of a call of gRPC that has ended with ``code``: attributes of the conventions for RPC."""
    from fastgw.wire.grpc import call_of  # which a worker without such does not need

    service, method = call_of(request.path)
    found = (("rpc.service", _text(service)), ("rpc.method", _text(method)))
    return [("rpc.system", "grpc"), *(one for one in found if one[1]), ("rpc.grpc.status_code", code)]


def _call_failure(code: int) -> str:
    """``error.type`` of such a call, as a server tells it; empty: it is no failure of the service."""
    from fastgw.wire.grpc import CODES, FAULTS, UNIMPLEMENTED  # as above

    return CODES[code] if code in FAULTS or code == UNIMPLEMENTED else ""


def _usage(notes: Mapping[str, Any] | None) -> list[tuple[str, str | int]]:
    """What a filter ``usage`` has found that a model was asked and has used, where one has."""
    used = notes.get("usage") if notes is not None else None
    if not isinstance(used, dict):
        return []
    return [(name, used[key]) for name, key in _GEN_AI if used[key]]


def _host_of(authority: str) -> tuple[str, int]:
    """Host and port; 0: none is said."""
    host, _, port = authority.rpartition(":")
    return (host, int(port)) if host and port.isdigit() else (authority, 0)


def _text(value: bytes) -> str:
    return value.decode("latin-1")
