"""What happens to an exchange, from the end of the request's head to the last byte of the answer.

    begin ─ hooks ─ dispatch ─ wait for a carrier ─ send ─ answer's head ─ relay ─ finish
              │         └──────────── retry ────────────┤            │
              └ reply ──────────────────────────────────┴── fail     └─ tunnel

Four ways out, and every exchange takes exactly one of them, once:
    finish   the answer was sent, whoever made it
    fail     something broke: before the answer's head another endpoint is asked, if that is safe, or an error is answered;
             after it the answer says so in its last words, or both ends close, so that the client sees the cut
    abort    the client went away: the carrier closes in the same tick
    tunnel   ends when either side does

No byte is written here and no protocol known: that is for the two ends (``exchange.ends``).  Exchanges are pooled and reset: nothing
outside keeps one after its ``done`` hooks, unless with its ``serial``, which is another then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.exchange import arriving, deadlines, hooks, passage, tries, tunnel
from fastgw.core.exchange.body import NEVER
from fastgw.core.exchange.deadlines import ANSWER, BODY, CONNECTION, HOOKS, STREAM, overdue
from fastgw.core.exchange.ends import Carrier, Client, Exchange
from fastgw.core.exchange.reply import FAULTS, Reply
from fastgw.core.exchange.telling import error_answer
from fastgw.core.net.connection import HOLD_PEER
from fastgw.errors import GatewayError
from fastgw.wire.messages import BODY_NONE, NO_LENGTH

if TYPE_CHECKING:
    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.plane import Plane
    from fastgw.core.snapshot.snapshot import Listener, Route


class Relay(Exchange):
    """An exchange that does what its verbs say; created by the data plane, reused after ``finish``."""

    __slots__ = ("_header",)

    def __init__(self, plane: Plane) -> None:
        Exchange.__init__(self, plane)
        self._header: Any = getattr(self.request, "header", None)  # bound once; by name: C has another type of it

    # --- 1. the request

    def begin(self, client: Client, listener: Listener) -> None:
        """``request`` was read: find its route and enter the hooks."""
        if listener.before is not None and self._is_answered(client, listener):
            return
        request = self.request
        found = listener.plain.get(request.path)
        if found is None:
            found = listener.matcher.match(request.host, request.method, request.path, self._header)
            if found is None:
                found = listener.fallbacks.find(request.host, request.path)
        self.enter(client, listener, found)

    def _is_answered(self, client: Client, listener: Listener) -> bool:
        """Run the hooks that come before any route is looked for; whether one of them has answered."""
        request = self.request
        self.client = client
        self.listener = listener
        self.route = listener.fallbacks.first
        self.started = self.plane.clock()
        answer = hooks.before_routing(self)
        if answer is None:
            request.keep_as_routed()
            return False
        self._start(client, listener, listener.fallbacks.find(request.host, request.path))
        if isinstance(answer, GatewayError):
            self.fail(answer)
        else:
            self.reply(answer)
        return True

    def enter(self, client: Client, listener: Listener, route: Route) -> None:
        """``request`` is one of ``route``: enter the hooks."""
        self._start(client, listener, route)
        hooks.enter_and_dispatch(self, route.chain.begin)

    def _start(self, client: Client, listener: Listener, route: Route) -> None:
        plane = self.plane
        request = self.request
        self.client = client
        self.listener = listener
        self.route = route
        self.started = self.sent = plane.clock()
        self.keep_alive = request.keep_alive and not plane.is_draining
        plane.values[route.base + counters.ROUTE_STARTED] += 1
        plane.values[route.base + counters.ROUTE_METHODS + counters.method_of(request.method)] += 1
        plane.values[counters.EXCHANGES_OPEN] += 1
        if route.timeout:
            self.last = self.started + route.timeout
        if request.rare and request.timeout:
            self.last = deadlines.last(self)
        if request.content_length > 0 or request.chunked:
            self.body.begin(request.content_length)
            self.body.since = self.started
            client.expect_body(self)
        elif request.rare and request.upgrade and request.upgrade not in route.upgrades:
            request.upgrade = b""

    def on_request_body(self, data: bytes) -> None:
        """Bytes of the request's body; ``body`` is up to date."""
        if self.mirror is not None:
            is_last = self.body.is_done and self.body.received <= self.route.max_body
            self.mirror.feed(data, is_last, self.body.trailers)
        arriving.on_data(self, data)

    # --- 2. the service

    def dispatch(self) -> None:
        """Every request hook has passed the request: choose a service and an endpoint."""
        route = self.route
        if self.body.announced > route.max_body:
            arriving.refuse(self)
            return
        if not self.body.is_done and not self._read_body():
            return
        service = route.service
        if service is None:
            service = tries.chosen(self)
            if service is None:
                return
        self.service = service
        if service.gate is None or tries.enters(self):
            self.on_admitted()

    def on_admitted(self) -> None:
        """See ``Exchange``."""
        route = self.route
        if route.mirror is not None:
            self.mirror = route.mirror.copy(self)
        if route.chain.request_body and not passage.begin_request(self):
            return
        if self.body.is_done:
            tries.ask(self, self.service.members.ready)
        else:
            arriving.wait(self)

    def _read_body(self) -> bool:
        """Read the body bytes that came with the head, so that both leave in one write; False: they were refused."""
        client = self.client
        client.read_body()
        # Else it is answered, now or as soon as a response hook lets it.
        return self.client is client and self.replied is None

    def on_carrier(self, carrier: Carrier) -> None:
        """The pool has found one: send what there is."""
        self.carrier = carrier
        if not self.sent:  # else this is still the turn of the loop in which the request came
            self.sent = self.plane.clock()
        self.phase = ANSWER
        if self.body.held or not self.body.is_done:
            arriving.send_held(self)
        self.set_deadline(self.route.answer_timeout if self.body.is_done else self.listener.timeouts.body)
        if self.service is not None:
            self.plane.values[self.service.base + counters.SERVICE_REQUESTS] += 1
            self.uncounted = counters.ANSWER_AWAITED
            if self.notes is not None and self.service.witness is not None:
                self.service.witness.on_carrier(self)
            if self.service.times is not None:
                self.service.times.on_carrier(self)
        carrier.carry(self)  # last: what answers in this process may do so now, and then this exchange is over

    def ask_anew(self) -> None:
        """See ``Exchange``."""
        self._drop()
        tries.leave(self)
        self.attempts -= 1
        tries.ask(self, self.service.members.ready)

    def ask_again(self) -> None:
        """See ``Exchange``."""
        tries.ask(self, tries.others(self))

    # --- 3. the answer

    def on_interim(self) -> None:
        """A 1xx answer: passed on."""
        if not self.is_head_sent:
            self.client.send_interim(self)
        self.response.status = 0
        if self.body.since == NEVER:
            self.body.mark(self.plane.clock())  # the 100 it asked for: from now on it may send

    def on_upgrade(self) -> None:
        """The head of a 101: a tunnel begins, if it is the one that was asked for, and the response hooks let it."""
        if self.uncounted == counters.ANSWER_AWAITED:
            self.uncounted = self.response.status
            self._count_answer(self.plane.clock())
        problem = tunnel.problem(self)
        if problem is not None:
            self.fail(problem)
        else:
            self.on_head()

    def on_head(self) -> None:
        """The head of the final answer was read: run the hooks, then let it go out with the first body bytes."""
        if self.uncounted == counters.ANSWER_AWAITED:
            self.uncounted = self.response.status  # counted by who reads the clock: ``end``, or the first body bytes
            if self.notes is not None and self.service.witness is not None:
                self.service.witness.on_answer(self)
            if self.service.minds is not None and tries.is_minded(self):
                return
        leaving = self.route.chain.response[self.entered]
        if leaving:
            hooks.leave_and_send(self, leaving, 0)
        else:
            self.answer_is_ready()

    def set_aside(self) -> None:
        """See ``Exchange``."""
        self._count_answer(self.plane.clock())
        carrier = self.carrier
        self.carrier = None
        if carrier is not None:
            carrier.set_aside()
        self.response.status = 0
        self.phase = HOOKS

    def _count_answer(self, now: float) -> None:
        self.answered = now
        seconds = now - self.sent
        service = self.service
        self.plane.count_answer(service.base, self.uncounted, self.endpoint.base, seconds)
        if service.members.judge is not None:
            service.members.settle(self.endpoint, self.uncounted, seconds, self.plane.now)
        self.uncounted = counters.ANSWER_COUNTED

    def answer_is_ready(self) -> None:
        """Every response hook has run: the head may go."""
        if self.replied is not None:
            self._send_reply(self.replied)
            return
        if self.response.status == 101:
            self.is_head_sent = True
            tunnel.begin(self)
            return
        self.phase = STREAM
        chain, size = self.route.chain, self.response.content_length
        if not chain.response_body or (chain.is_of_streams and size >= 0) or passage.begin_answer(self):
            self._send_head()

    def _send_head(self) -> None:
        self.is_head_sent = True
        self.keep_alive = self.keep_alive and not self.plane.is_draining
        self.client.send_head(self)

    def on_body(self, data: bytes, payload: int) -> None:
        """Bytes of the answer's body, ``payload`` of them data; they leave in the tick they came."""
        if self.uncounted >= 0:
            self._count_answer(self.plane.clock())
        if self.withheld is not None:
            self.withheld.append((data, payload, False))
            return
        if self.outward is not None:
            passed = self._pass(data, False)
            if passed is None:
                return
            data = passed
            payload = len(data)
        self.bytes_out += payload
        client = self.client
        client.send_body(data)
        if not client.is_paused:  # else the client is waited for, not the service
            self.set_deadline(self.route.stream_idle_timeout)

    def _pass(self, data: bytes, is_last: bool) -> bytes | None:
        """What the hooks make of bytes of the answer, whose head may have waited for them; None: one has failed, and the exchange too."""
        assert self.outward is not None
        passed = passage.fed(self.outward, data, is_last)
        if not self.is_head_sent and (passed or (is_last and passed is not None)):
            self._send_head()
        return passed

    def on_last_body(self, data: bytes, payload: int) -> None:
        """The end of the answer."""
        if self.withheld is not None:
            if self.uncounted >= 0:
                self._count_answer(self.plane.clock())
            self.withheld.append((data, payload, True))
            return
        if self.outward is not None:
            passed = self._pass(data, True)
            if passed is None:
                return
            data = passed
            payload = len(data)
        self.bytes_out += payload
        self.client.send_last(data)
        if self.endpoint.troubles is not None:
            self.endpoint.answered()
        carrier = self.carrier
        if carrier is not None:
            self.carrier = None
            carrier.let_go(self.body.is_done)
        self._finish()

    def reply(self, reply: Reply) -> None:
        """Answer with ``reply`` instead of the service; no carrier is held any more."""
        self.replied = reply
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
            hooks.leave_and_send(self, leaving, 0)
        else:
            self._send_reply(reply)

    def _send_reply(self, reply: Reply) -> None:
        if reply.close or not self.body.is_done or self.plane.is_draining:
            self.keep_alive = False
        self.is_head_sent = True
        self.bytes_out = self.client.send_reply(self, reply)
        self._finish()

    # --- 4. the ways out

    def _finish(self) -> None:
        """The answer is complete: count, run the ``done`` hooks, and let the client's next request come."""
        client = self.client
        keep_alive = self.keep_alive
        is_request_done = self.body.is_done
        self.end()
        client.on_finished(keep_alive, is_request_done)

    def fail(self, error: GatewayError) -> None:
        """The exchange cannot go on as it is: retry, answer with ``error``, or cut."""
        client: Client | None = self.client
        if client is None or (self.is_head_sent and self.replied is not None):
            return  # over already
        if self.hedge is not None and self.hedge.takes_over(error):
            return
        endpoint: Endpoint | None = self.endpoint
        self._drop()
        if endpoint is not None and self.replied is None:
            tries.failed(self, error)
        if not self.is_head_sent:
            left = tries.left(self, error)
            if left is None:
                return
            error = left
        self.error = error
        base = self.route.base
        self.plane.values[base + FAULTS[error.fault]] += 1
        if not self.is_head_sent:
            self.reply(error_answer(self, error, tries.advice(self, error)))
        elif self.outward is None or not tries.ends_in_words(self, error):
            client.cut(self)
            self.end()
            client.exchange = None  # last: it may be all that keeps this object

    def abort(self) -> None:
        """The client is gone: so is the reason to do any more."""
        self._drop()
        if self.error is None:
            self.error = tries.gone()
        if self.error.status == 499:
            self.plane.values[self.route.base + counters.ROUTE_ABORTED] += 1
        if self.endpoint is not None:
            tries.unanswered(self, self.error)
        self.end()

    def _drop(self) -> None:
        """Have nothing more to do with a carrier, a place in any line, or a hook that waits."""
        if self.waiting is not None:
            self.serial += 1
            self.waiting.cancel()
            self.waiting = None
        if self.hedge is not None:
            self.hedge.drop()
        if self.ticket is not None:
            self.ticket.cancel()
        self.withheld = None
        carrier = self.carrier
        if carrier is not None:
            self.carrier = None
            if self.uncounted == counters.ANSWER_AWAITED:
                self.plane.values[self.service.base + counters.SERVICE_UNANSWERED] += 1
                self.uncounted = counters.ANSWER_UNASKED
            carrier.let_go(False)
        elif self.phase == CONNECTION:
            self.endpoint.pool.cancel(self)
        elif self.phase == BODY:
            arriving.stop(self)
        if self.is_upload:
            self.endpoint.pool.end_upload(self)
        self.phase = HOOKS

    def end(self) -> None:
        """What every way out has in common; the exchange is free for another request afterwards."""
        plane = self.plane
        for hook in self.route.chain.done[self.entered]:
            try:
                hook(self)
            except Exception as error:  # noqa: BLE001 - whatever a filter raises ends this exchange, not the worker
                hooks.report_broken(self, hook, "done", error)
        now = plane.count(self.route.base, self.started, self.response.status, self.body.received, self.bytes_out)
        if self.uncounted >= 0:
            self._count_answer(now)
        if plane.tail is not None:
            plane.tail(self, now)
        tries.leave(self)
        if self.mirror is not None:
            self.mirror.leave()
        plane.body_bytes -= self.body.held
        if self.inward is not None:
            self.inward.leave()
        if self.outward is not None:
            self.outward.leave()
        if self.ticket is not None:
            self.ticket.leave()
        self.reset()
        plane.give_back(self)

    # --- 5. deadlines

    def set_deadline(self, seconds: float) -> None:
        """Call ``on_deadline`` in ``seconds`` (0: never), or when the whole exchange must be over.  ``sent`` is finer than ``now``."""
        deadline = max(self.sent, self.plane.now) + seconds if seconds else float("inf")
        if self.last and self.last < deadline:
            deadline = self.last
        self.client.deadline = deadline

    def on_client_ready(self) -> None:
        """The client has caught up: from now on the service is waited for again."""
        is_tunnel = self.tunnel is not None
        if is_tunnel or self.phase == STREAM:
            self.set_deadline(self.route.settings.tunnel_idle_timeout if is_tunnel else self.route.stream_idle_timeout)
        if self.carrier is not None:
            self.carrier.release(HOLD_PEER)

    def on_deadline(self, now: float) -> None:
        """Nothing happened in time; what that means depends on the phase."""
        if self.tunnel is not None:
            self.tunnel.end()
        elif not arriving.on_deadline(self, now) and not hooks.on_deadline(self, now):
            self.fail(overdue(self, now))
