"""One request and its answer, from the end of the request's head to the last byte of the answer.

    begin ─ hooks ─ dispatch ─ wait for a connection ─ send ─ answer's head ─ relay ─ finish
              │         └──────────── retry ────────────┤            │
              └ reply ──────────────────────────────────┴── fail     └─ tunnel

Four ways out, and every exchange takes exactly one of them, once:

    finish   the answer was sent, whoever made it
    fail     something broke: before the answer's head another endpoint is asked, if that is safe, or an error is answered;
             after it both connections close, so that the client sees the cut
    abort    the client went away: the service's connection closes in the same tick
    tunnel   ends when either side does

Exchanges are pooled by the data plane and reset in between, so nothing outside may keep one after its ``done`` hooks ran.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.exchange import arriving, hooks, tries, unmatched
from fastgw.core.exchange.body import NEVER, RequestBody
from fastgw.core.exchange.deadlines import ANSWER, BODY, CONNECTION, HOOKS, STREAM, overdue
from fastgw.core.exchange.reply import Reply, error_reply
from fastgw.core.http1 import heads
from fastgw.core.net.connection import HOLD_PEER, HOLD_PENDING
from fastgw.errors import DownstreamError, GatewayError
from fastgw.wire import scan
from fastgw.wire.messages import BODY_CHUNKED, BODY_NONE, BODY_UNTIL_CLOSE, NO_LENGTH, Request, Response
from fastgw.wire.serialize import reply_head

if TYPE_CHECKING:
    import asyncio

    from fastgw.core.dataplane import DataPlane
    from fastgw.core.exchange.tunnel import Tunnel
    from fastgw.core.http1.carrier import Upstream
    from fastgw.core.http1.client import Downstream
    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.snapshot.snapshot import Listener, Route, Service


class Exchange:
    """State of one exchange; created by the data plane, reused after ``finish``."""

    __slots__ = (
        "_answer",
        "_head",
        "_header",
        "asked",
        "attempts",
        "body",
        "bytes_out",
        "downstream",
        "early",
        "endpoint",
        "entered",
        "error",
        "first_asked",
        "first_error",
        "is_encoding",
        "is_half_closed",
        "is_head_sent",
        "is_leaving",
        "is_spared",
        "is_upload",
        "keep_alive",
        "last",
        "listener",
        "notes",
        "phase",
        "plane",
        "request",
        "response",
        "route",
        "service",
        "started",
        "task",
        "tried",
        "tunnel",
        "upstream",
    )

    downstream: Downstream
    endpoint: Endpoint
    listener: Listener
    route: Route
    service: Service

    def __init__(self, plane: DataPlane) -> None:
        self.plane = plane
        self.request = Request()
        self.response = Response()
        self.body = RequestBody()
        self._header = self.request.header  # bound once: the router asks it for the fields its conditions name
        self.reset()

    def reset(self) -> None:
        """Forget the exchange that was."""
        none: Any = None
        self.downstream = none  #: None: not in use
        self.upstream: Upstream | None = None
        self.endpoint = none
        self.service = none
        self.phase = HOOKS
        self.entered = 0  #: request hooks entered; one more than there are: all passed
        self.notes: dict[str, Any] | None = (
            None  #: what filters tell later ones and the access log; None: nothing (``note``)
        )
        self.attempts = 0
        self.asked = ""  #: name of the endpoint asked last, kept for the logs when the endpoint itself is let go
        self.tried: tuple[Endpoint, ...] = ()  #: endpoints that failed
        self.first_error: GatewayError | None = None  #: of those that failed: what ``tries.told`` would tell
        self.first_asked = ""  #: and of whom
        self.is_upload = False  #: one of its pool's ``uploads``: its body is still arriving
        self.is_spared = False  #: a kept connection was dead, which did not count as an attempt
        self.error: GatewayError | None = None  #: why the answer is not the service's
        self.is_head_sent = False
        self.is_leaving = False  #: the response hooks have begun: they run once, even when one of them fails
        self.is_half_closed = False  #: the client has ended its sending side
        self.is_encoding = False  #: a body that ended with its connection is sent in chunks
        self.bytes_out = 0  #: response body bytes, without framing
        self.last = 0.0  #: coarse loop time by which the whole exchange must be over, 0: no such time
        self.tunnel: Tunnel | None = None
        self.response.status = 0
        self.body.reset()
        self._head = b""  #: the answer's head, to go out with its first body bytes
        self._answer: Reply | None = None
        self.early: list[tuple[bytes, int, bool, bool]] | None = None  #: answer bytes held while a response hook waits
        self.task: asyncio.Task[None] | None = None

    # --- 1. the request

    def begin(self, downstream: Downstream, listener: Listener) -> None:
        """``request`` was read: find its route and enter the hooks."""
        plane = self.plane
        request = self.request
        self.downstream = downstream
        self.listener = listener
        self.started = plane.clock()
        found = listener.plain.get(request.path)
        if found is None:
            found = listener.matcher.match(request.host, request.method, request.path, self._header)
            if found is None:
                found = listener.fallbacks.find(request.host, request.path)
        self.route = route = found
        self.keep_alive = request.keep_alive and not plane.is_draining
        plane.values[route.base] += 1
        plane.values[counters.EXCHANGES_OPEN] += 1
        if route.timeout:
            self.last = plane.now + route.timeout
        if request.content_length > 0 or request.chunked:
            self.body.begin(request, listener.limits, listener.drop_headers)
            self.body.since = self.started
        elif request.rare and request.upgrade and request.upgrade not in route.upgrades:
            request.upgrade = b""
        hooks.enter(self, 0)

    def on_request_data(self, data: bytes) -> bytes:
        """Body bytes from the client; returns those behind the body's end."""
        if self._answer is not None:
            return (
                b""  # answered without it: a body that was refused must not be read on, least of all to a next request
            )
        return arriving.on_data(self, data)

    def note(self, name: str, value: Any) -> None:
        """Keep ``value`` for later filters and the access log; ``name``: no dot is in it, and nobody else uses it for something else."""
        if self.notes is None:
            self.notes = {}
        self.notes[name] = value

    # --- 2. the service

    def dispatch(self) -> None:
        """Every request hook has passed the request: choose a service and an endpoint."""
        route = self.route
        if self.body.left > route.max_body:
            arriving.refuse(self)
            return
        if not self.body.is_done and not self._take_early():
            return
        service = route.service
        if service is None:
            if route.split is None:
                unmatched.answer(self)
                return
            service = route.split.choose(tries.fraction(self))
        self.service = service
        if self.body.is_done:
            tries.ask(self, service.endpoints)
        else:
            arriving.wait(self)

    def _take_early(self) -> bool:
        """Read the body bytes that came with the head, so that both leave in one write; False: they were refused."""
        downstream = self.downstream
        early = downstream.take_body()
        if early:
            rest = self.on_request_data(early)
            if self.downstream is not downstream or self._answer is not None:
                return False  # refused, and answered already or as soon as a response hook lets it
            if rest:
                downstream.keep(rest)
        return True

    def on_connection(self, upstream: Upstream) -> None:
        """The pool found a connection: send what there is."""
        self.upstream = upstream
        self.phase = ANSWER
        upstream.carry(self)
        head = heads.request_head(self)
        if self.body.pending:
            self.plane.body_bytes -= self.body.held
            upstream.write(scan.join((head, self.body.take())))
            self.downstream.release(HOLD_PENDING)
        else:
            upstream.write(head)
        self.set_deadline(self.route.answer_timeout if self.body.is_done else self.listener.timeouts.body)

    # --- 3. the answer

    def on_interim(self) -> None:
        """A 1xx answer: passed on, except to HTTP/1.0 (RFC 9110 section 15.2)."""
        if self.request.minor and not self.is_head_sent:
            self.downstream.write(heads.interim_head(self))
        self.response.status = 0
        if self.body.since == NEVER:
            self.body.mark(self.plane.clock())  # the 100 it asked for: from now on it may send

    def on_head(self) -> None:
        """The head of the final answer was read: run the hooks, then let it go out with the first body bytes."""
        if self.request.minor == 0 and self.response.body in (BODY_CHUNKED, BODY_UNTIL_CLOSE):
            self.keep_alive = False
        leaving = self.route.chain.response[self.entered]
        if leaving:
            hooks.leave(self, leaving, 0)
        else:
            self.answer_is_ready()

    def answer_is_ready(self) -> None:
        """Every response hook has run: the head may go."""
        if self._answer is not None:
            self._send_reply(self._answer)
            return
        self.phase = STREAM
        self.keep_alive = self.keep_alive and not self.plane.is_draining
        self.is_encoding = self.response.body == BODY_UNTIL_CLOSE and self.request.minor == 1
        self._head = heads.response_head(self)
        self.is_head_sent = True

    def on_body(self, data: bytes, payload: int) -> None:
        """Bytes of the answer's body, ``payload`` of them data; they leave in the tick they came."""
        if self.early is not None:
            self.early.append((data, payload, False, False))
            return
        self.bytes_out += payload
        if self.is_encoding and data:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        if self._head:
            data = scan.join((self._head, data))
            self._head = b""
        downstream = self.downstream
        if data:
            downstream.write(data)
        if not downstream.is_paused:  # else the client is waited for, not the service
            self.set_deadline(self.route.stream_idle_timeout)

    def on_last_body(self, data: bytes, payload: int, clean: bool) -> None:
        """The end of the answer; ``clean``: nothing came behind it."""
        if self.early is not None:
            self.early.append((data, payload, True, clean))
            return
        self.bytes_out += payload
        if self.is_encoding:
            data = b"0\r\n\r\n"
        self.downstream.write(scan.join((self._head, data)) if self._head else data)
        if self.endpoint.troubles is not None:
            self.endpoint.troubles.answered(self.plane.now)
        upstream = self.upstream
        if upstream is not None:
            self.upstream = None
            upstream.let_go(clean and self.response.keep_alive and self.body.is_done)
        self.finish()

    def reply(self, reply: Reply) -> None:
        """Answer with ``reply`` instead of the service; no connection to one is held any more."""
        self._answer = reply
        response = self.response
        response.reset_rare()
        response.turn_into(reply.status)
        response.body = BODY_NONE
        response.head = response.extra = b""
        response.fields = reply.fields
        # Where the response hooks have run, or one failed, none of them will tell the client.
        response.request_id = self.request.request_id if self.is_leaving else b""
        response.content_length = NO_LENGTH
        leaving = self.route.chain.response[self.entered]
        if leaving and not self.is_leaving:
            hooks.leave(self, leaving, 0)
        else:
            self._send_reply(reply)

    def _send_reply(self, reply: Reply) -> None:
        if reply.close or not self.body.is_done or self.plane.is_draining:
            self.keep_alive = False
        connection = b"close" if not self.keep_alive else b"" if self.request.minor else b"keep-alive"
        head = reply_head(self.response.status, self.response.fields, len(reply.body), connection)
        head += self.plane.date
        identity = self.response.request_id
        if identity:
            head += b"x-request-id: " + identity + b"\r\n"
        body = b"" if self.request.method == b"HEAD" else reply.body
        self.is_head_sent = True
        self.bytes_out = len(body)
        self.downstream.write(head + self.response.extra + b"\r\n" + body)
        self.finish()

    # --- 4. the ways out

    def finish(self) -> None:
        """The answer is complete: count, run the ``done`` hooks, and let the client's next request come."""
        downstream = self.downstream
        keep_alive = self.keep_alive
        is_request_done = self.body.is_done
        self.end()
        downstream.on_finished(keep_alive, is_request_done)

    def fail(self, error: GatewayError) -> None:
        """The exchange cannot go on as it is: retry, answer with ``error``, or cut."""
        downstream: Downstream | None = self.downstream
        if downstream is None or (self.is_head_sent and self._answer is not None):
            return  # over already
        endpoint: Endpoint | None = self.endpoint
        self._drop_upstream()
        if endpoint is not None and self._answer is None:
            tries.blame(self, error)
            if not self.is_head_sent:
                if tries.again(self, error):
                    return
                error = tries.told(self, error)
        self.error = error
        base = self.route.base
        self.plane.values[base + _FAULTS[error.fault]] += 1
        if self.is_head_sent:
            self._cut()
        else:
            identity = self.request.request_id.decode("latin-1")
            self.reply(error_reply(error, self.route.settings.errors, identity))

    def _cut(self) -> None:
        """Break the answer off so that the client cannot take it for complete."""
        downstream = self.downstream
        if self._head:
            downstream.write(self._head)
        framed = self.request.minor == 1 or self.response.content_length >= 0
        self.end()
        downstream.exchange = None
        downstream.cut(framed)

    def abort(self) -> None:
        """The client is gone: so is the reason to do any more."""
        self._drop_upstream()
        if self.error is None:
            self.error = DownstreamError(
                499, "client_gone", "the client closed the connection before the answer was complete"
            )
        if self.error.status == 499:
            self.plane.values[self.route.base + counters.ROUTE_ABORTED] += 1
        self.end()

    def _drop_upstream(self) -> None:
        if self.task is not None:
            self.task.cancel()
            self.task = None
        self.early = None
        upstream = self.upstream
        if upstream is not None:
            self.upstream = None
            upstream.let_go(False)
        elif self.phase == CONNECTION:
            self.endpoint.pool.cancel(self)
        elif self.phase == BODY:
            arriving.stop(self)
        if self.is_upload:
            self.endpoint.pool.uploads.leave(self)
        self.phase = HOOKS

    def end(self) -> None:
        """What every way out has in common; the exchange is free for another request afterwards."""
        plane = self.plane
        for hook in self.route.chain.done[self.entered]:
            try:
                hook(self)
            except Exception:  # noqa: BLE001 - whatever a filter raises ends this exchange, not the worker
                hooks.report_broken(self, hook, "done")
        plane.count(self)
        tries.settle(self)
        if self.body.held:
            plane.body_bytes -= self.body.held
        self.reset()
        plane.give_back(self)

    # --- 5. deadlines

    def set_deadline(self, seconds: float) -> None:
        """Call ``on_deadline`` of the client's connection in ``seconds`` (0: never), or earlier when the whole exchange must be over."""
        deadline = self.plane.now + seconds if seconds else float("inf")
        if self.last and self.last < deadline:
            deadline = self.last
        self.downstream.deadline = deadline

    def on_client_ready(self) -> None:
        """The client has caught up: from now on the service is waited for again."""
        if self.tunnel is not None or self.phase == STREAM:
            self.set_deadline(
                self.route.stream_idle_timeout if self.tunnel is None else self.route.settings.tunnel_idle_timeout
            )
        if self.upstream is not None:
            self.upstream.release(HOLD_PEER)

    def on_deadline(self, now: float) -> None:
        """Nothing happened in time; what that means depends on the phase."""
        if self.tunnel is not None:
            self.tunnel.end()
        elif not arriving.on_deadline(self, now):
            self.fail(overdue(self, now))

    def __repr__(self) -> str:
        return f"<Exchange {self.request!r} phase={self.phase} status={self.response.status}>"


_FAULTS = {
    "downstream": counters.ROUTE_FAULT_DOWNSTREAM,
    "upstream": counters.ROUTE_FAULT_UPSTREAM,
    "internal": counters.ROUTE_FAULT_INTERNAL,
}
