"""What it means that nothing happened in time: that depends on what an exchange was waiting for, its *phase*."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.errors import RETRY_ALWAYS, DownstreamError, GatewayError, InternalError, UpstreamError

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

HOOKS = 0  #: a filter decides
BODY = 1  #: the request's body, or more of it, before a connection is asked for
CONNECTION = 2  #: a connection to the service
ANSWER = 3  #: the rest of the request, or the head of the answer
STREAM = 4  #: more of the answer


LONGEST = 10  #: digits of milliseconds that a peer may wait: four months


def seconds(exchange: Exchange) -> float:
    """What the whole exchange may take: as the route says, or less where a trusted peer waits for less; 0: any time.

    What is no whole number of milliseconds, or 0, says nothing: so does Envoy with ``x-envoy-upstream-rq-timeout-ms``."""
    most, said = exchange.route.timeout, exchange.request.timeout
    peer = int(said) / 1000.0 if said.isdigit() and len(said) <= LONGEST else 0.0
    return min(most, peer) if most and peer else most or peer


def last(exchange: Exchange) -> float:
    """Loop time by which an exchange must be over, 0: no such time."""
    most = seconds(exchange)
    return exchange.started + most if most else 0.0


def answer_within(exchange: Exchange) -> float:
    """Seconds in which a try must be answered that was sent; 0: any time."""
    first = first_token_within(exchange)
    if exchange.outward is not None:  # its head has come
        return first or exchange.route.stream_idle_timeout
    found = [one for one in (exchange.route.answer_timeout, exchange.service.settings.retry.try_timeout, first) if one]
    return min(found, default=0.0)


def first_token_within(exchange: Exchange) -> float:
    """Seconds in which the content of a stream must have begun, of a request that asks for one, or whose answer is one; 0: any time."""
    streams = exchange.service.settings.streams
    if streams is None or not streams.first_token_timeout:
        return 0.0
    asked = (
        None if exchange.notes is None else exchange.notes.get("asked_model")
    )  # ``core.models.asked``, which is above
    is_stream = exchange.outward is not None or (asked is not None and asked.is_stream)
    return streams.first_token_timeout if is_stream else 0.0


def overdue(exchange: Exchange, now: float) -> GatewayError:
    """The error of an exchange whose deadline has passed; ``now`` in coarse loop time."""
    if exchange.last and now >= exchange.last:
        most = exchange.last - exchange.started
        return UpstreamError(504, "timeout", f"the exchange took longer than {most:.6g} s{_before(exchange)}")
    if exchange.phase == CONNECTION:
        shortage = exchange.endpoint.pool.shortage
        if shortage is not None:
            return shortage
        detail = "no connection to the service became free in time"
        return UpstreamError(503, "pending_timeout", detail, retry=RETRY_ALWAYS)
    if exchange.phase == STREAM:
        return UpstreamError(504, "stream_idle_timeout", "the service stopped in the middle of its answer")
    if exchange.waiting is not None:
        return InternalError(504, "filter_timeout", "a filter of this route did not decide in time")
    if exchange.body.is_done:
        within, first = answer_within(exchange), first_token_within(exchange)
        if exchange.outward is not None or (first and first <= within):
            detail = f"the service had nothing to say within {within:g} s"
            return UpstreamError(504, "first_token_timeout", detail)
        return UpstreamError(504, "answer_timeout", f"the service did not answer within {within:g} s")
    if exchange.carrier is not None and exchange.carrier.is_paused:
        return UpstreamError(504, "answer_timeout", "the service does not take the request")
    return DownstreamError(408, "body_timeout", "the request body did not arrive in time")


def _before(exchange: Exchange) -> str:
    """What the time was needed for, if tries have failed before: the last one is hardly to blame alone."""
    count, first = len(exchange.tried), exchange.first_error
    if not count:
        return ""
    how = f"with {first.code}" if first is not None else "by a status that is asked again for"
    return f"; {count} {'try' if count == 1 else 'tries'} had failed before, the first {how}"
