"""An exchange and its two ends: what each may ask of the others, whatever protocol it speaks.

    Client ── begin, on_request_body, abort ──▶ Exchange ── carry, send_body, let_go ──▶ Carrier
           ◀── send_head, send_body, ... ──────          ◀── on_head, on_body, ... ─────

A ``Client`` is whom an exchange answers, a ``Carrier`` is what carries it to an answer.  Both know their protocol; an exchange knows none,
and writes no byte.  A connection of HTTP/1 is one end at a time for one exchange after the other; of a connection that carries many at
once each stream is an end; so is whatever answers, or is answered, inside this process.

C extensions have one base class, and an end of HTTP/1 is the connection itself: so every end is a ``Connection``, and one that has no
transport of its own overrides what it says of writing and holding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from fastgw.core import counters
from fastgw.core.exchange.body import RequestBody
from fastgw.core.net.connection import Connection
from fastgw.wire.messages import Request, Response

if TYPE_CHECKING:
    from fastgw.core.exchange.reply import Reply
    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.plane import Plane
    from fastgw.core.snapshot.snapshot import Listener, Route, Service
    from fastgw.errors import GatewayError


class Client(Connection):
    """Whom an exchange answers."""

    __slots__ = ("address", "exchange", "forwarded", "identity", "is_trusted", "listener", "version")

    def __init__(self, listener: Listener, address: bytes) -> None:
        self._open()
        self.listener = listener
        self.address = address  #: as text

    def _open(self) -> None:
        Connection._open(self)
        self.forwarded = b""  #: field lines about it that every request of it gets, see ``http1.heads``
        self.identity = b""  #: field lines that its certificate proves
        self.version = b"1.1"  #: of HTTP that it speaks, unless a request says 1.0
        self.is_trusted = False  #: one of the listener's ``trusted_proxies``, when its connection was made
        self.exchange: Exchange | None = None  #: the one in progress

    def read_body(self) -> None:
        """Hand over, by ``on_request_body``, what of the body came together with the head; by default that was nothing."""

    def has_more(self) -> bool:
        """Whether it has sent more than the request in progress already."""
        return False

    def expect_body(self, exchange: Exchange) -> None:
        """``exchange`` has begun, and its request has a body: say in what form it will be handed over (``body.is_framed``)."""

    def wants_data(self, exchange: Exchange) -> bool:
        """Whether an answer that comes in the chunks of HTTP/1 (RFC 9112 section 7.1) is to be handed over without them."""
        return True

    def takes_trailers(self, exchange: Exchange) -> bool:
        """Whether the client has said that it wants trailer fields (RFC 9110 section 10.1.4), and can be sent some behind this answer."""
        return False

    def send_interim(self, exchange: Exchange) -> None:
        """Pass on a 1xx answer, where the protocol has such (RFC 9110 section 15.2)."""
        raise NotImplementedError

    def send_head(self, exchange: Exchange) -> None:
        """Send the head of ``exchange.response``, now or with the first body bytes."""
        raise NotImplementedError

    def send_body(self, data: bytes) -> None:
        """Send bytes of the answer's body."""
        raise NotImplementedError

    def send_last(self, data: bytes) -> None:
        """Send the last bytes of the answer's body, none perhaps, and its end, with ``response.trailers`` where there may be any."""
        raise NotImplementedError

    def send_reply(self, exchange: Exchange, reply: Reply) -> int:
        """Send ``reply``, with the status and the fields of ``exchange.response``; return how many bytes of body it had."""
        raise NotImplementedError

    def start_tunnel(self, exchange: Exchange, tunnel: Any) -> None:
        """Send the head of the 101; from now on bytes go to ``tunnel``, unread."""
        raise NotImplementedError

    def on_drain(self) -> None:
        """The worker drains: what is under way may finish."""

    def cut(self, exchange: Exchange) -> None:
        """Break the answer off so that nobody can take it for complete, and close."""
        raise NotImplementedError

    def on_finished(self, keep_alive: bool, is_request_done: bool) -> None:
        """The answer is out, the exchange is over."""
        raise NotImplementedError

    def on_deadline(self, now: float) -> None:
        """``deadline`` has passed; ``now`` in coarse loop time."""
        raise NotImplementedError

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in progress."""
        return self.exchange is None


class Carrier(Connection):
    """What carries an exchange to an answer."""

    __slots__ = ("exchange", "tunnel")

    def __init__(self) -> None:
        Connection.__init__(self)
        self.exchange: Exchange | None = None  #: the one that is carried
        self.tunnel: Any = None

    def carry(self, exchange: Exchange) -> None:
        """Belong to ``exchange`` until it lets go, and send its head, and what of its body is held, at once."""
        raise NotImplementedError

    def send_body(self, data: bytes, is_last: bool) -> None:
        """Send more of the request's body, which ``exchange.body.is_framed`` or not."""
        raise NotImplementedError

    def let_go(self, is_request_done: bool) -> None:
        """The exchange is over for this end: back to the pool, if it may have another, or closed."""
        raise NotImplementedError

    def is_between_chunks(self) -> bool:
        """Is no chunk of the answer's body under way?  Always so where there are none."""
        return True

    def chunk_data(self) -> int:
        """Bytes of data that have come in chunks of the answer's body."""
        return 0

    def set_aside(self) -> None:
        """Nobody wants the answer whose head is being handed over, in this very call: as ``let_go``, and where all of it is here already
        the next exchange may have this end."""
        self.let_go(False)

    def leave(self) -> None:
        """Belong to nobody; who calls this closes it."""
        raise NotImplementedError


class Copy(Protocol):
    """What gets a copy of one request (``core.mirror``).  Nothing it does may fail or wait."""

    def feed(self, data: bytes, is_last: bool, trailers: bytes) -> None:
        """Bytes of the request's body, in the form in which they were handed over; ``is_last``: its last, with ``trailers`` behind them."""

    def leave(self) -> None:
        """The exchange that is copied is over, or its body is: nothing more comes."""


class Passing(Protocol):
    """What a body passes on its way through the exchange (``exchange.passage``).  None: nothing goes on now, as a hook waits, or has failed
    and the exchange with it."""

    held: int  #: bytes that are here, and counted by the worker

    @property
    def is_whole(self) -> bool:
        """Whether nothing goes on until the last of the body is here."""

    def feed(self, data: bytes, is_last: bool) -> bytes | None:
        """Bytes of the request's data, and whether they are its last; what is to go on."""

    def feed_answer(self, data: bytes, is_last: bool) -> bytes | None:
        """The same of the answer."""

    def break_off(self, error: GatewayError) -> bytes | None:
        """``error`` ends the answer, whose head has gone out: what is sent as the last of it, so that it says so itself; None: nothing can
        be."""

    def leave(self) -> None:
        """The exchange is over: keep nothing any more."""


class Ticket(Protocol):
    """What a service that admits only so many has of an exchange (``core.live.gate``): one place, through all its tries."""

    def cancel(self) -> None:
        """The exchange does not wait for the place any more; what it has it keeps."""

    def leave(self) -> None:
        """The exchange is over: whatever it has is another's."""


class Exchange:
    """One request and its answer: what is known of them, and the verbs by which the ends tell what happens.

    ``exchange.relay.Relay`` has the verbs; everybody else knows this class.
    """

    __slots__ = (
        "answered",
        "asked",
        "attempts",
        "body",
        "bytes_out",
        "carrier",
        "client",
        "endpoint",
        "entered",
        "error",
        "first_asked",
        "first_error",
        "hedge",
        "inward",
        "is_half_closed",
        "is_head_sent",
        "is_leaving",
        "is_spared",
        "is_upload",
        "keep_alive",
        "last",
        "line_since",
        "listener",
        "mirror",
        "notes",
        "outward",
        "overhead",
        "phase",
        "plane",
        "replied",
        "request",
        "response",
        "route",
        "sent",
        "serial",
        "service",
        "started",
        "ticket",
        "tried",
        "tunnel",
        "uncounted",
        "waiting",
        "withheld",
    )

    client: Client
    endpoint: Endpoint
    keep_alive: bool  #: the client's connection may have another exchange
    listener: Listener
    route: Route
    service: Service
    sent: float  #: to the service, by the plane's clock; 0: not yet, and not in the turn of the loop in which it came
    started: float  #: by the plane's clock

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        self.request = Request()
        self.response = Response()
        self.body = RequestBody()
        self.serial = 0  #: of what waits for this exchange; whoever comes back with another one is too late
        self.reset()

    def reset(self) -> None:
        """Forget the exchange that was."""
        none: Any = None
        self.client = none  #: None: not in use
        self.listener = self.route = (
            none  # else an exchange that nobody uses keeps a whole configuration that nobody uses
        )
        self.carrier: Carrier | None = None
        self.endpoint = none
        self.service = none
        self.phase = 0  #: what is waited for, see ``exchange.deadlines``
        self.serial += 1
        self.entered = 0  #: request hooks entered; one more than there are: all passed
        self.notes: dict[str, Any] | None = None  #: what filters tell later ones and the access log; None: nothing
        self.attempts = 0
        self.overhead = 0.0  #: seconds that we ourselves have taken for it so far; 0: that is not measured
        self.answered = 0.0  #: when the service began to, by the plane's clock; 0: it did not
        self.asked = ""  #: address of the endpoint asked last, kept for the logs when the endpoint itself is let go
        self.tried: tuple[Endpoint, ...] = ()  #: endpoints that failed
        self.first_error: GatewayError | None = None  #: of those that failed: what ``tries.told`` would tell
        self.first_asked = ""  #: and of whom
        self.hedge: Any = None  #: the second try (``exchange.hedging``) while neither has an answer
        self.is_upload = False  #: one of its pool's uploads: its body is still arriving
        self.is_spared = False  #: a kept connection was dead, which did not count as an attempt
        self.error: GatewayError | None = None  #: why the answer is not the service's
        self.is_head_sent = False
        self.uncounted = (
            counters.ANSWER_UNASKED
        )  #: or AWAITED, COUNTED, or the place of the class of an answer that has just begun
        self.is_leaving = False  #: the response hooks have begun: they run once, even when one of them fails
        self.is_half_closed = False  #: the client has ended its sending side
        self.bytes_out = 0  #: response body bytes, without framing
        self.line_since = 0.0  #: when it began to wait for a connection, by the plane's clock; 0: it does not
        self.last = 0.0  #: coarse loop time by which the whole exchange must be over, 0: no such time
        self.inward: Passing | None = (
            None  #: of the request's body through hooks of filters; None: none of them sees it
        )
        self.outward: Passing | None = None  #: of the answer's
        self.mirror: Copy | None = None  #: what copies the request, while it may still come
        self.ticket: Ticket | None = (
            None  #: its place among those its service admits, or in the line of those who wait for one
        )
        self.tunnel: Any = None
        self.replied: Reply | None = None  #: the answer, if it is not the service's
        self.withheld: list[tuple[bytes, int, bool]] | None = None  #: of the answer, while a response hook waits
        self.waiting: Any = None  #: the hook that has not decided yet (``exchange.hooks``)
        self.response.status = 0
        self.body.reset()

    # --- what its pool tells, beside ``on_carrier`` and ``fail``

    def ask_anew(self) -> None:
        """It was asking for a carrier, and what it waits for is over: an endpoint that is no member any more, or behind others, or a
        service that admits it now.  Nobody was asked yet: ask."""
        raise NotImplementedError

    def ask_again(self) -> None:
        """The pause between two tries is over (``exchange.retries``)."""
        raise NotImplementedError

    # --- what the client tells

    def begin(self, client: Client, listener: Listener) -> None:
        """``request`` was read."""
        raise NotImplementedError

    def enter(self, client: Client, listener: Listener, route: Route) -> None:
        """``request`` is one of ``route``."""
        raise NotImplementedError

    def on_request_body(self, data: bytes) -> None:
        """Bytes of the request's body, as ``body.is_framed`` says; ``body`` is up to date."""
        raise NotImplementedError

    def on_client_ready(self) -> None:
        """The client has caught up with the answer."""
        raise NotImplementedError

    def abort(self) -> None:
        """The client is gone."""
        raise NotImplementedError

    # --- what pool and carrier tell

    def on_carrier(self, carrier: Carrier) -> None:
        """The pool has found one."""
        raise NotImplementedError

    def on_interim(self) -> None:
        """A 1xx answer was read."""
        raise NotImplementedError

    def on_upgrade(self) -> None:
        """The head of a 101 was read."""
        raise NotImplementedError

    def on_head(self) -> None:
        """The head of the final answer was read."""
        raise NotImplementedError

    def set_aside(self) -> None:
        """The answer, of which the head has just come, is not for the client: have no more of it.  Only a ``Mind`` of the service does so,
        and then asks again, or replies."""
        raise NotImplementedError

    def on_body(self, data: bytes, payload: int) -> None:
        """Bytes of the answer's body, ``payload`` of them data."""
        raise NotImplementedError

    def on_last_body(self, data: bytes, payload: int) -> None:
        """The end of the answer."""
        raise NotImplementedError

    # --- what anybody may ask

    def note(self, name: str, value: Any) -> None:
        """Keep ``value`` in ``notes``, for later filters and the access log; ``name``: no dot is in it, and nobody else uses it for another
        thing."""
        if self.notes is None:
            self.notes = {}
        self.notes[name] = value

    def dispatch(self) -> None:
        """Every request hook has passed the request: choose a service and an endpoint."""
        raise NotImplementedError

    def on_admitted(self) -> None:
        """Its service admits it: go on to an endpoint, or to wait for the rest of its body."""
        raise NotImplementedError

    def answer_is_ready(self) -> None:
        """Every response hook has run: the head may go."""
        raise NotImplementedError

    def reply(self, reply: Reply) -> None:
        """Answer with ``reply`` instead of the service."""
        raise NotImplementedError

    def fail(self, error: GatewayError) -> None:
        """The exchange cannot go on as it is."""
        raise NotImplementedError

    def end(self) -> None:
        """Count, run the ``done`` hooks, and be free for another request."""
        raise NotImplementedError

    def set_deadline(self, seconds: float) -> None:
        """Something must happen within ``seconds``, 0: there is no such time."""
        raise NotImplementedError

    def on_deadline(self, now: float) -> None:
        """Nothing did."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<Exchange {self.request!r} phase={self.phase} status={self.response.status}>"
