"""Asking endpoints: one is chosen and counted, another is asked where that is safe, and each is settled with in the end.

``ask`` gets a carrier, now or later, and ``Exchange.on_carrier`` goes on; when that or the answer fails, ``again`` asks an endpoint
that was not asked yet, or leaves it, and then ``told`` says which error is the client's answer.

Each try is settled with once (``Members.settle``): with the status of the answer when its head has come, which what happens behind it does
not change, or with the error that ends it before, a client that has gone included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastgw.core import counters, labels
from fastgw.core.causes import OTHER, PLACES
from fastgw.core.exchange import unmatched
from fastgw.core.exchange.deadlines import CONNECTION, answer_within
from fastgw.errors import (
    RETRY_ALWAYS,
    RETRY_IDEMPOTENT,
    RETRY_NEVER,
    RETRY_SAFE,
    RETRY_UNSEEN,
    DownstreamError,
    GatewayError,
    UpstreamError,
)
from fastgw.routing.sticky import sticky_key
from fastgw.wire.methods import SAFE

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.snapshot.roles import Destination
    from fastgw.core.snapshot.snapshot import Service


#: Places of the causes of a retry among the counters, and of one of the reasons against one.
CONNECT, RESET, TIMEOUT, STATUS = range(len(labels.RETRY_CAUSES))
NO_BODY = labels.RETRY_REFUSALS.index("body")
MANY = 32  #: as ``policy.again`` has it, which is imported by those who need it
LATE = ("answer_timeout", "first_token_timeout")  #: codes of tries that were given up before there was an answer
_NOT_AGAIN = (("x-should-retry", "false"),)


def fraction(exchange: Exchange) -> float:
    """Where in [0, 1) ``exchange`` falls among the parts of its route's split: by its sticky key, or by chance."""
    route = exchange.route
    if route.settings.sticky and route.split is not None:
        key = sticky_key(exchange.request.header, route.settings.sticky)
        if key:
            return route.split.sticky_fraction(key)
    return exchange.plane.random()


def chosen(exchange: Exchange) -> Service | None:
    """The service that a route with several, or with a cache, has for ``exchange``; None: it has none, and the exchange has its answer."""
    route = exchange.route
    found: Destination | None
    if route.versions is not None:
        found = route.versions
    elif route.split is not None:
        found = route.split.choose(fraction(exchange))
    elif route.by_name is not None:
        found = route.by_name.choose(exchange.request.matched_path)
        if found is None:
            exchange.fail(DownstreamError(404, "unknown_service", "no service of this name can be asked for here"))
    else:
        unmatched.answer(exchange)
        return None
    service = None if found is None else found.choose(exchange)
    return service if service is None or route.cache is None else route.cache.choose(exchange, service)


def enters(exchange: Exchange) -> bool:
    """Whether the gate of its service lets ``exchange`` on: with a place, or without one as long as its body is not ready to be sent, which
    is still coming, or to pass hooks."""
    gate = exchange.service.gate
    assert gate is not None
    is_late = not exchange.body.is_done or (exchange.request.has_body and bool(exchange.route.chain.request_body))
    return gate.enter(exchange, is_late)


def ask(exchange: Exchange, candidates: tuple[Endpoint, ...]) -> None:
    """Choose one of ``candidates``, endpoints of the exchange's service, and ask its pool for a carrier."""
    service = exchange.service
    if service.gate is not None and exchange.ticket is None and not service.gate.admits(exchange):
        return
    exchange.attempts += 1
    if service.subsets is not None:
        endpoint = service.subsets.pick(candidates, exchange)
        if endpoint is None:
            exchange.fail(_no_subset(service))
            return
    elif len(candidates) == 1:
        endpoint = candidates[0]
    elif service.pick_for is None:
        endpoint = service.balancer.pick(candidates)
    else:
        endpoint = service.pick_for(candidates, exchange)
    exchange.endpoint = endpoint
    exchange.asked = endpoint.place
    endpoint.in_hand += 1
    if exchange.notes is not None and service.witness is not None:
        service.witness.on_ask(exchange)
    try:
        carrier = endpoint.pool.acquire(exchange)
    except UpstreamError as error:
        exchange.fail(error)
        return
    if carrier is not None:
        exchange.on_carrier(carrier)
    else:
        exchange.phase = CONNECTION
        exchange.sent = 0.0
        exchange.set_deadline(endpoint.pool.settings.pending_timeout)


def failed(exchange: Exchange, error: GatewayError) -> None:
    """``error`` ends this try: settle, and count it at the endpoint that was asked, by its cause, if it is one of an endpoint's."""
    endpoint = exchange.endpoint
    if exchange.outward is not None and exchange.uncounted < counters.ANSWER_COUNTED:
        from fastgw.core.exchange.beginnings import give_up  # which a worker without such does not need

        give_up(exchange, error)
    place = PLACES.get(error.code, OTHER if error.fault == "upstream" else -1)
    if place >= 0:
        values = exchange.plane.values
        values[endpoint.base + counters.ENDPOINT_FAILURES] += 1
        values[endpoint.base + counters.ENDPOINT_CAUSES + place] += 1
    is_ejected = unanswered(exchange, error)
    if place >= 0 and not is_ejected:
        endpoint.failed(error)


def unanswered(exchange: Exchange, error: GatewayError) -> bool:
    """``error`` ends this try.  If no answer had begun the members are told; True: the endpoint is ejected, so nothing else need be."""
    if exchange.is_head_sent or exchange.outward is not None:
        from fastgw.core.exchange.broken_streams import count_broken  # which a worker without failures does not need

        count_broken(exchange, error.code)
    if exchange.notes is not None and exchange.service.witness is not None:
        exchange.service.witness.on_failure(exchange, error)
    if exchange.uncounted >= counters.ANSWER_COUNTED:
        return False
    exchange.uncounted = counters.ANSWER_COUNTED
    plane = exchange.plane
    seconds = plane.clock() - exchange.sent if exchange.sent else 0.0
    return exchange.service.members.settle(exchange.endpoint, error, seconds, plane.now)


def again(exchange: Exchange, error: GatewayError) -> bool:
    """Ask another endpoint after ``error``, if that is safe; False: it is not, or none is left.

    A kept connection that ended before it gave any answer is the ordinary end of a kept connection, and a service may take leave of one
    before it looks at a request: the first one does not count as an attempt, and where no other endpoint is left the same one is asked once
    more, on another connection.
    """
    service = exchange.service
    if not _is_safe(exchange, error):
        return False
    endpoint = exchange.endpoint
    is_stale = error.retry in (RETRY_IDEMPOTENT, RETRY_UNSEEN)
    if error.retry == RETRY_IDEMPOTENT:
        endpoint.pool.drop_idle()  # one was dead, so the service probably closed them all
    is_spared = is_stale and not exchange.is_spared
    if not is_spared and exchange.attempts - exchange.is_spared >= service.settings.retry.attempts:
        return False
    if not is_stale and not _is_any_left(exchange, (*exchange.tried, endpoint)):
        return False
    wait = 0.0
    if not is_spared and error.retry != RETRY_ALWAYS:
        wait = _wait(exchange)
        if wait < 0.0:
            return False
    exchange.first_error = told(exchange, error)
    exchange.first_asked = exchange.asked
    exchange.is_spared = exchange.is_spared or is_spared
    cause = CONNECT if error.retry == RETRY_ALWAYS else RESET if error.retry else TIMEOUT
    if error.code == "error_event":
        cause = STATUS
    repeat(exchange, cause, wait)
    return True


def repeat(exchange: Exchange, cause: int, wait: float) -> None:
    """Ask again, in ``wait`` seconds, after a try that is settled with; ``cause``: its place among the counters."""
    service = exchange.service
    exchange.tried = (*exchange.tried, exchange.endpoint)
    exchange.sent = 0.0
    exchange.uncounted = counters.ANSWER_UNASKED
    exchange.response.status = 0
    exchange.plane.values[counters.RETRIES] += 1
    exchange.plane.values[service.base + counters.SERVICE_RETRIES + cause] += 1
    if wait > 0.0:
        leave(exchange)
        _pause(exchange, wait)
    else:
        candidates = others(exchange)
        leave(exchange)
        ask(exchange, candidates)


def others(exchange: Exchange) -> tuple[Endpoint, ...]:
    """Whom to ask who was not asked yet; else, where there is nobody, the one that was asked last, or anybody."""
    if _is_of_many(exchange):
        from fastgw.policy.again import another  # which a worker without failures does not need

        service = exchange.service
        drawn = another(service.members.ready, exchange.tried, service.balancer.pick, service.pick_for, exchange)
        if drawn is not None:
            return (drawn,)
    found = untried(exchange, exchange.tried)
    last: Endpoint | None = exchange.endpoint
    return found or (exchange.service.members.ready if last is None else (last,))


def _is_of_many(exchange: Exchange) -> bool:
    """Whether any of those that are ready may be asked for ``exchange``, and they are so many that nobody goes over all of them."""
    service = exchange.service
    members = service.members
    is_plain = service.subsets is None and members.breaking is None and members.outlying is None
    return is_plain and len(members.ready) >= MANY


def _is_any_left(exchange: Exchange, tried: tuple[Endpoint, ...]) -> bool:
    return (_is_of_many(exchange) and len(tried) < MANY) or bool(untried(exchange, tried))


def untried(exchange: Exchange, tried: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    """Who is left to be asked for ``exchange`` after ``tried``."""
    service = exchange.service
    found: tuple[Endpoint, ...] = service.members.untried(tried)
    return found if service.subsets is None else service.subsets.left(found, exchange)


def _no_subset(service: Service) -> UpstreamError:
    reason = f"no endpoint of {service.name} that may be asked has the metadata that the request asks for"
    return UpstreamError(
        503, "no_subset", "nobody here can answer what was asked for", retry=RETRY_NEVER, reason=reason
    )


def _wait(exchange: Exchange) -> float:
    from fastgw.core.exchange import retries  # which a worker without failures does not need

    retries.count_asking(exchange)
    return retries.wait(exchange)


def _pause(exchange: Exchange, seconds: float) -> None:
    from fastgw.core.exchange import retries  # as above

    retries.pause(exchange, seconds)


def left(exchange: Exchange, error: GatewayError) -> GatewayError | None:
    """What the client is told after ``error``, in front of an answer; None: another endpoint is asked, or what answers in the place of the
    service."""
    endpoint: Endpoint | None = exchange.endpoint
    if endpoint is not None and exchange.replied is None:
        if again(exchange, error):
            return None
        error = told(exchange, error)
    service: Service | None = exchange.service
    if service is not None and service.fallback is not None and service.fallback.takes(exchange, error):
        return None
    return error


def ends_in_words(exchange: Exchange, error: GatewayError) -> bool:
    """Whether the answer, which has begun and is broken off by ``error``, could be ended so that it says so itself.  No carrier is held any
    more; the client's connection may have another exchange."""
    outward, serial, client = exchange.outward, exchange.serial, exchange.client
    assert outward is not None
    exchange.outward = None  # what goes wrong now cuts it
    last = outward.break_off(error)
    if exchange.serial != serial:
        return True
    outward.leave()
    if last is None:
        return False
    exchange.bytes_out += len(last)
    client.send_last(last)
    keep_alive, is_request_done = exchange.keep_alive, exchange.body.is_done
    exchange.end()
    client.on_finished(keep_alive, is_request_done)
    return True


def begin_anew(exchange: Exchange) -> None:
    """Forget all tries, and the place that was had for them: another service is asked in the place of the one that was."""
    if exchange.ticket is not None:
        exchange.ticket.leave()
        exchange.ticket = None
    exchange.tried = ()
    exchange.first_error = None
    exchange.first_asked = ""
    exchange.attempts = 0
    exchange.is_spared = False
    exchange.sent = 0.0
    exchange.uncounted = counters.ANSWER_UNASKED
    exchange.response.status = 0


def _is_safe(exchange: Exchange, error: GatewayError) -> bool:
    """Whether nobody can have acted on the request, or acting twice is the same as once (RFC 9110 section 9.2.2)."""
    if exchange.is_head_sent or exchange.outward is not None:
        return False
    retry = exchange.service.settings.retry
    if error.retry >= RETRY_UNSEEN:
        return "connect" in retry.on
    if error.code == "error_event":
        if str(error.status) not in retry.on and not ("5xx" in retry.on and error.status >= 500):
            return False
    else:
        if error.retry == RETRY_NEVER and error.code not in LATE:
            return False
        if ("reset" if error.retry else "timeout") not in retry.on:
            return False
    if error.retry == RETRY_SAFE and not retry.methods and exchange.request.method not in SAFE:
        return False
    return may_repeat(exchange)


def may_repeat(exchange: Exchange) -> bool:
    """Whether a request that was sent may be sent again: its method says so, and it has no body, or one that is kept."""
    service, request = exchange.service, exchange.request
    if service.resends is None or request.method not in service.resends:
        return False
    if not request.has_body or (exchange.body.is_done and exchange.body.is_kept):
        return True
    exchange.plane.values[service.base + counters.SERVICE_RETRIES_REFUSED + NO_BODY] += 1
    return False


def advice(exchange: Exchange, error: GatewayError) -> tuple[tuple[str, str], ...]:
    """What a client is told beside ``error``: not to ask again where the gateway has done so already."""
    return _NOT_AGAIN if exchange.attempts > 1 and error.fault == "upstream" else ()


def is_minded(exchange: Exchange) -> bool:
    """Whether somebody has something against the answer whose head has come, and has set it aside: nothing of it is passed on."""
    if exchange.hedge is not None and not _may_be_held(exchange):
        exchange.hedge.drop()  # the first answer has begun, so nobody waits for another
    minds = exchange.service.minds
    assert minds is not None
    for mind in minds:  # noqa: SIM110 - no closure in a function of C
        if mind(exchange):
            return True
    return False


def _may_be_held(exchange: Exchange) -> bool:
    from fastgw.core.exchange.beginnings import may_be_held  # which a worker without hedges does not need

    return may_be_held(exchange, exchange.service)


def told(exchange: Exchange, error: GatewayError) -> GatewayError:
    """Of the errors of all attempts, ``error`` being the last: the one of the attempt that went furthest, the first of those.

    So a service that died is not told as the refusal of its neighbour, nor a request that may have been acted on as one that nobody got.
    """
    first = exchange.first_error
    if first is None or error.retry < first.retry:
        return error
    exchange.asked = exchange.first_asked
    return first


def gone() -> DownstreamError:
    """How a try ends whose client has left."""
    return DownstreamError(499, "client_gone", "the client closed the connection before the answer was complete")


def await_answer(exchange: Exchange) -> None:
    """Its request is with another endpoint, completely: from now on the answer of that one is waited for."""
    exchange.set_deadline(answer_within(exchange))


def leave(exchange: Exchange) -> None:
    """The endpoint asked last, if there is one, has this exchange no more."""
    endpoint: Endpoint | None = exchange.endpoint
    if endpoint is not None:
        if exchange.is_upload:
            endpoint.pool.end_upload(exchange)
        endpoint.in_hand -= 1
        none: Any = None
        exchange.endpoint = none
