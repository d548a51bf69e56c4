"""What is recorded of one exchange that is sampled: a tree of *spans*, times with a name, as OpenTelemetry has them.

    exchange (server)
     ├─ filter auth, transformer resize            those that waited, or had a whole body
     ├─ wait for admission                         in the line of its service
     ├─ try (client)  ── wait for connection       each try of a service, retries and hedges beside each other
     └─ try (client)

A span is a tuple until the process that exports it makes bytes of it (``telemetry.otlp``): its name, kind, id, the id above it, beginning
and end in nanoseconds since 1970, whether it failed, why, attributes, and contexts that it is linked to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from fastgw.wire.trace_context import PARENT, STATE, Context, parent_of

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.errors import GatewayError
    from fastgw.filters.trace_ids import TraceIds

INTERNAL, SERVER, CLIENT = 1, 2, 3  #: kinds of spans
LEAST_WAIT: Final = 1e-4  #: seconds: a shorter wait is none
MOST_SPANS: Final = 128  #: of one exchange

_WORDS: Final = dict.fromkeys(("request", "response", "read_request", "read_response"), "filter")
EDITED: Final = frozenset((PARENT, STATE))  #: fields that a trace is told in
_REMOVED: Final = (PARENT,)

Attributes = tuple[tuple[str, str | int | bool], ...]
Span = tuple[str, int, bytes, bytes, int, int, bool, str, Attributes, tuple[Context, ...]]


class _Try:
    """One try of a service that is not over."""

    __slots__ = (
        "address",
        "asked",
        "began",
        "exchange",
        "headed",
        "id",
        "number",
        "scheme",
        "service",
        "status",
        "waited",
    )

    def __init__(self, exchange: Exchange, span: bytes, now: float, number: int) -> None:
        endpoint = exchange.endpoint
        self.id = span
        self.exchange = exchange
        self.asked = exchange.asked
        self.address = endpoint.key.address
        self.scheme = "http" if endpoint.key.tls is None else "https"
        self.service = exchange.service.name
        self.number = number  #: of tries before it
        self.began = now
        self.waited = 0.0  #: seconds for a connection
        self.headed = 0.0  #: when the head of its answer came; 0: it has not
        self.status = 0


class Trace:
    """One sampled exchange."""

    __slots__ = (
        "_asked",
        "_began",
        "_clock",
        "_free",
        "_ids",
        "_shift",
        "_spans",
        "_tries",
        "_waiting",
        "flags",
        "id",
        "links",
        "parent",
        "span",
        "state",
    )

    def __init__(
        self,
        context: Context,
        state: bytes,
        links: tuple[Context, ...],
        clock: Callable[[], float],
        wall: Callable[[], float],
        ids: TraceIds,
    ) -> None:
        """Of the trace ``context``, whose span asks (none of zeros does), with the ``state`` that came with it.

        ``links``: contexts that it has to do with and is no part of; ``ids``: of its spans.
        """
        self.id, self.parent, self.flags = context
        self.state = state
        self.links = links
        self._ids = ids
        self._clock = clock
        self._began = clock()
        self._shift = wall() - self._began  # from that clock to seconds since 1970
        self._spans: list[Span] = []
        self._tries: list[_Try] = []
        self._asked = 0
        self._free = self._began  # since when no hook has kept it
        self._waiting: tuple[str, str, float] | None = None
        self.span = self._ids.span()

    def __str__(self) -> str:
        return self.id.decode()

    # --- what the tries tell

    def ask(self, exchange: Exchange) -> None:
        """An endpoint is asked for a connection."""
        now = self._clock()
        for one in self._tries[:]:
            if one.exchange is exchange:
                self._end(one, one.headed or now)  # it was set aside, or has come to nothing
        if not self._asked and exchange.service.gate is not None:
            self._wait_was("wait for admission", self.span, self._free, now)
        self._tries.append(_Try(exchange, self._ids.span(), now, self._asked))
        self._asked += 1

    def carry(self, exchange: Exchange) -> None:
        """It has one: the request tells the service that this try asks."""
        one = self._found(exchange)
        if one is not None:
            one.waited = self._clock() - one.began
            tell(exchange, parent_of(self.id, one.id, self.flags))

    def answer(self, exchange: Exchange) -> None:
        """The head of the answer is there."""
        one = self._found(exchange)
        if one is not None:
            one.exchange = exchange  # which it is now, if it was beside
            one.headed, one.status = self._clock(), exchange.response.status

    def fail(self, exchange: Exchange, error: GatewayError) -> None:
        """The try ends."""
        one = self._found(exchange)
        if one is not None:
            self._end(one, self._clock(), error)

    def _found(self, exchange: Exchange) -> _Try | None:
        """The try of ``exchange``: no two under way ask one endpoint."""
        for one in self._tries:
            if one.asked == exchange.asked:
                return one
        return None

    def _end(self, one: _Try, now: float, error: GatewayError | None = None) -> None:
        self._tries.remove(one)
        request = one.exchange.request
        method = request.method.decode("latin-1")
        attributes: list[tuple[str, str | int | bool]] = [
            ("http.request.method", method),
            ("server.address", one.address.path or one.address.host or one.address.inside),
            ("url.full", f"{one.scheme}://{one.asked}{request.path.decode('latin-1')}"),
            ("fastgw.service", one.service),
        ]
        if one.address.port:
            attributes.append(("server.port", one.address.port))
        if one.number:
            attributes.append(("http.request.resend_count", one.number))
        if one.status:
            attributes.append(("http.response.status_code", one.status))
        kind = error.code if error is not None else str(one.status) if one.status >= 400 else ""
        if kind:
            attributes.append(("error.type", kind))
        self._wait_was("wait for connection", one.id, one.began, one.began + one.waited)
        told = error.reason if error is not None else ""
        self._add(method, CLIENT, one.id, self.span, one.began, now, bool(kind), told, tuple(attributes), ())

    # --- what waits

    def watched(self, name: str, kind: str, go_on: Callable[[Any], None]) -> Callable[[Any], None]:
        """``go_on`` of a hook of this ``kind`` that waits now, of the filter ``name``."""
        self._waiting = (name, kind, self._clock())

        def recorded(result: Any) -> None:
            self._end_waiting()
            go_on(result)

        return recorded

    def began(self, name: str, kind: str) -> Callable[[], None]:
        """A hook of this ``kind`` of the filter ``name`` has a whole body now; what is returned says that it has done with it."""
        start = self._clock()
        return lambda: self._hook_was(name, kind, start)

    def _end_waiting(self) -> None:
        if self._waiting is not None:
            name, kind, start = self._waiting
            self._waiting = None
            self._hook_was(name, kind, start)

    def _hook_was(self, name: str, kind: str, start: float) -> None:
        word = _WORDS.get(kind, "transformer")
        attributes = (("fastgw.filter", name), ("fastgw.hook", kind))
        self._free = self._clock()
        self._add(f"{word} {name}", INTERNAL, self._ids.span(), self.span, start, self._free, False, "", attributes, ())

    def _wait_was(self, name: str, above: bytes, start: float, end: float) -> None:
        if end - start >= LEAST_WAIT:
            self._add(name, INTERNAL, self._ids.span(), above, start, end, False, "", (), ())

    # --- the end

    def finish(self, name: str, attributes: Attributes, error: GatewayError | None, kind: str) -> tuple[Any, ...]:
        """The exchange is over: everything, for who exports it.  ``kind``: of the error, as ``error.type`` has it; empty: there is none."""
        now = self._clock()
        self._end_waiting()
        for one in self._tries[:]:
            self._end(one, now)
        told = error.reason if error is not None and kind else ""
        self._add(name, SERVER, self.span, self.parent, self._began, now, bool(kind), told, attributes, self.links)
        return self.id, self.flags, self.state, tuple(self._spans)

    def _add(
        self,
        name: str,
        kind: int,
        span: bytes,
        above: bytes,
        start: float,
        end: float,
        is_failed: bool,
        told: str,
        attributes: Attributes,
        links: tuple[Context, ...],
    ) -> None:
        if len(self._spans) < MOST_SPANS or kind == SERVER:
            began, ended = (start + self._shift) * 1e9, (end + self._shift) * 1e9
            self._spans.append((name, kind, span, above, int(began), int(ended), is_failed, told, attributes, links))


def tell(exchange: Exchange, parent: bytes, state: bytes | None = None) -> None:
    """Have the request say ``parent``, and ``state`` in the place of any other: empty: none; None: the one that it has."""
    request = exchange.request
    edited = EDITED if request.edited is None else request.edited | EDITED
    removed = _REMOVED if state is None else (PARENT, STATE)
    lines = b"traceparent: %b\r\n" % parent
    if state:
        lines += b"tracestate: %b\r\n" % state
    request.change(removed, lines, edited)
