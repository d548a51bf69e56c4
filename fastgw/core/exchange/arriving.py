"""A request body on its way in: judged as it arrives, held until it is worth a connection to the service, then passed on.

    dispatch ─▶ complete ──────────────────────────────────────────────┐
        └─▶ not: held (phase BODY) ─┬─ complete ───────────────────────┴─▶ tries.ask
                                    └─ body_buffer is full, or body_wait over ─▶ tries.ask, as an upload

So a client that sends slowly holds some memory here, which costs little, instead of a connection to the service, of which there are few.
Whoever has said ``Expect: 100-continue`` waits for the service's word, so holding it would only lose time, and ``body_buffer: 0`` says that
the service wants to read along: both ask at once.  What asks before it is complete is an *upload*, which ``core.http1.uploads`` bounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.core import counters
from fastgw.core.exchange import tries
from fastgw.core.exchange.body import NEVER
from fastgw.core.exchange.deadlines import ANSWER, BODY, HOOKS
from fastgw.core.net.connection import HOLD_PENDING
from fastgw.errors import DownstreamError
from fastgw.wire.messages import CALL, KIND

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.snapshot.snapshot import Service

RATE_AFTER = 20.0  #: seconds after which a request body must have arrived at RATE_MIN or faster
RATE_MIN = 500.0  #: bytes a second (the idea of Apache's mod_reqtimeout)


def on_data(exchange: Exchange, data: bytes) -> None:
    """Bytes of the body came; ``exchange.body`` counts them already."""
    body = exchange.body
    if body.received > exchange.route.max_body:
        refuse(exchange)
    elif not body.is_done and is_too_slow(exchange, exchange.plane.clock(), RATE_AFTER):
        exchange.fail(too_slow(""))
    else:
        passed: bytes | None = data
        if exchange.inward is not None:
            passed = exchange.inward.feed(data, body.is_done)
        if passed is not None:
            _pass_on(exchange, passed)


def _pass_on(exchange: Exchange, data: bytes) -> None:
    """Send bytes of the body, or hold them."""
    body = exchange.body
    if exchange.carrier is None:
        _keep(exchange, data)
        if exchange.phase != HOOKS:
            _on_kept(exchange)
    else:
        carrier = exchange.carrier
        carrier.send_body(data, body.is_done)
        if body.is_kept:
            _keep_sent(exchange, data)
        if body.is_done and exchange.is_upload:
            exchange.endpoint.pool.end_upload(exchange)
        if exchange.phase == ANSWER:
            if body.is_done:
                exchange.sent = exchange.plane.clock()
            exchange.set_deadline(exchange.route.answer_timeout if body.is_done else exchange.listener.timeouts.body)
            if body.is_done and exchange.service.times is not None:
                exchange.service.times.on_sent(exchange)


def refuse(exchange: Exchange) -> None:
    """The body is larger than its route allows."""
    exchange.body.refuse()
    limit = exchange.route.max_body
    exchange.fail(
        DownstreamError(413, "content_too_large", f"the request body has more than the {limit} bytes allowed here")
    )


def wait(exchange: Exchange) -> None:
    """The request may go, but its body is not complete: hold both for a while, or ask for a connection now."""
    request, route = exchange.request, exchange.route
    if exchange.inward is not None and exchange.inward.is_whole:
        body_wait = NEVER  # a connection would only wait, too
        ask_for_more(exchange)
    elif request.expect or route.body_buffer <= 0 or route.body_wait <= 0 or is_full(exchange) or _is_call(exchange):
        tries.ask(exchange, exchange.service.members.ready)
        return
    else:
        body_wait = route.body_wait
    exchange.phase = BODY
    exchange.sent = 0.0
    exchange.body.wait_until = exchange.plane.now + body_wait
    exchange.plane.values[counters.BODIES_HELD] += 1
    _set_deadline(exchange)


def ask_for_more(exchange: Exchange) -> None:
    """Let a client send the rest of its body that waits for leave to do so (RFC 9110 section 10.1.1)."""
    if exchange.request.expect and not exchange.body.received:
        exchange.response.turn_into(100)
        exchange.response.fields = b""
        exchange.response.length_count = 0
        exchange.on_interim()


def go_on(exchange: Exchange, data: bytes) -> None:
    """A body hook has waited for what all of the body becomes, ``data``: let it have the rest of its way, and ask for a connection."""
    assert exchange.inward is not None
    exchange.sent = 0.0
    passed = exchange.inward.feed(data, True)
    if passed is not None:
        _keep(exchange, passed)
        tries.ask(exchange, exchange.service.members.ready)


def on_deadline(exchange: Exchange, now: float) -> bool:
    """The time of a held body is over: ask for a connection with what there is.  False: it is over in another way."""
    if exchange.phase != BODY or now < exchange.body.wait_until or (exchange.last and now >= exchange.last):
        return False
    _go(exchange)
    return True


def stop(exchange: Exchange) -> None:
    """The body is not held in phase BODY any more."""
    exchange.phase = HOOKS
    exchange.plane.values[counters.BODIES_HELD] -= 1


def is_too_slow(exchange: Exchange, now: float, after: float) -> bool:
    """Whether the body has come at less than RATE_MIN for ``after`` seconds; ``now`` by the plane's clock.

    Time in which we did not let the client send is not the client's: the count begins again behind it.
    """
    body, client = exchange.body, exchange.client
    if client.was_held:
        client.was_held = client.is_held
        body.mark(now)
    elif body.since == NEVER and body.received:
        body.mark(now)  # it did not wait for the 100 that it asked for
    return now - body.since > after and body.rate(now) < RATE_MIN and not _is_call(exchange)


def _is_call(exchange: Exchange) -> bool:
    """Whether it is one of gRPC: who waits for the rest of its body may wait for its answer first, or for something to say."""
    return exchange.request.header(KIND) == CALL


def too_slow(why: str) -> DownstreamError:
    """What a client gets that ``is_too_slow``; ``why``: more about it, with a blank in front."""
    return DownstreamError(
        408, "body_too_slow", f"the request body arrived slower than {RATE_MIN:.0f} bytes a second{why}"
    )


def _keep(exchange: Exchange, out: bytes) -> None:
    """Hold bytes until there is a connection, and the client when there are enough."""
    if not out:
        return  # nobody is held for nothing, and so never let go
    body, plane = exchange.body, exchange.plane
    body.keep(out)
    plane.body_bytes += len(out)
    if is_full(exchange):
        exchange.client.hold(HOLD_PENDING)


def send_held(exchange: Exchange) -> None:
    """There is a connection: what is held goes there now, and stays held if it may have to be sent again."""
    body, plane = exchange.body, exchange.plane
    if not body.is_kept:
        body.is_kept = _may_be_kept(exchange)
        if not body.is_kept:
            plane.body_bytes -= body.held
    if body.held:
        exchange.client.release(HOLD_PENDING)


def _may_be_kept(exchange: Exchange) -> bool:
    body = exchange.body
    service: Service | None = exchange.service
    if service is None or service.keeps is None:
        return False
    # Most bodies are of a POST, which is not sent again unless it is asked for: compared first, a look-up less.
    method = exchange.request.method
    if method == b"POST":
        if not service.keeps_post:
            return False
    elif method not in service.keeps:
        return False
    most = service.settings.retry.max_body
    return body.held <= most and body.announced <= most and _has_room(exchange)


def _has_room(exchange: Exchange) -> bool:
    """Whether bodies that were sent may stay: half of the memory is left to those that wait to be sent."""
    return exchange.plane.body_bytes <= exchange.listener.body_memory // 2


def _keep_sent(exchange: Exchange, data: bytes) -> None:
    """Bytes of the body were sent; hold them too, while there is room for them."""
    body = exchange.body
    body.keep(data)
    exchange.plane.body_bytes += len(data)
    most = exchange.service.settings.retry.max_body
    if body.held > most or not _has_room(exchange):
        forget(exchange)


def forget(exchange: Exchange) -> None:
    """The body is not sent again: hold nothing of it for that."""
    body = exchange.body
    if body.is_kept:
        body.is_kept = False
        exchange.plane.body_bytes -= body.held
        body.take()


def is_full(exchange: Exchange) -> bool:
    """Whether enough is held, of this body or of all of the worker."""
    return (
        exchange.body.held >= exchange.route.body_held_max or exchange.plane.body_bytes >= exchange.listener.body_memory
    )


def _on_kept(exchange: Exchange) -> None:
    body = exchange.body
    if exchange.phase == BODY:
        # Of what is gathered nothing may go yet, whatever is full: its passage ends it where there is no room for more.
        if body.is_done or (is_full(exchange) and (exchange.inward is None or not exchange.inward.is_whole)):
            _go(exchange)
        else:
            _set_deadline(exchange)
    elif body.is_done:
        exchange.endpoint.pool.on_request_done(exchange)


def _go(exchange: Exchange) -> None:
    stop(exchange)
    tries.ask(exchange, exchange.service.members.ready)


def _set_deadline(exchange: Exchange) -> None:
    left = exchange.body.wait_until - exchange.plane.now
    pause = exchange.listener.timeouts.body
    exchange.set_deadline(pause if 0 < pause < left else left)
