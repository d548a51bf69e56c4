"""Asking endpoints: one is chosen and counted, another is asked where that is safe, and each is settled with in the end.

choose ─▶ ask ─▶ a connection, now or later ─▶ Exchange.on_connection
           ▲                 │ failed
           └──── again ──────┘ False: the error is the answer
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.deadlines import CONNECTION
from fastgw.core.sticky import sticky_key
from fastgw.errors import RETRY_ALWAYS, RETRY_IDEMPOTENT, GatewayError, UpstreamError

if TYPE_CHECKING:
    from fastgw.core.endpoint import Endpoint
    from fastgw.core.exchange import Exchange

IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"QUERY", b"PROPFIND", b"REPORT", b"SEARCH"})


def fraction(exchange: Exchange) -> float:
    """Where in [0, 1) ``exchange`` falls among the parts of its route's split: by its sticky key, or by chance."""
    route = exchange.route
    if route.sticky and route.split is not None:
        key = sticky_key(exchange.request, route.sticky)
        if key:
            return route.split.sticky_fraction(key)
    return exchange.plane.random()


def ask(exchange: Exchange) -> None:
    """Choose an endpoint of the exchange's service, one not tried yet if there is one, and ask its pool for a connection."""
    service = exchange.service
    candidates = service.untried(exchange.tried) if exchange.tried else service.endpoints
    exchange.attempts += 1
    endpoint = candidates[0] if len(candidates) == 1 else service.balancer.pick(candidates)
    exchange.endpoint = endpoint
    exchange.asked = endpoint.name
    endpoint.active += 1
    values = exchange.plane.values
    values[endpoint.base + counters.ENDPOINT_REQUESTS] += 1
    values[endpoint.base + counters.ENDPOINT_ACTIVE] += 1
    try:
        upstream = endpoint.pool.acquire(exchange)
    except UpstreamError as error:
        exchange.fail(error)
        return
    if upstream is not None:
        exchange.on_connection(upstream)
    else:
        exchange.phase = CONNECTION
        exchange.set_deadline(endpoint.pool.settings.pending_timeout)


def again(exchange: Exchange, error: GatewayError) -> bool:
    """Ask another endpoint after ``error``, if that is safe; False: it is not."""
    if not _is_safe(exchange, error):
        return False
    endpoint = exchange.endpoint
    exchange.plane.values[counters.RETRIES] += 1
    if error.retry == RETRY_ALWAYS:
        exchange.tried = (*exchange.tried, endpoint)
    else:
        endpoint.pool.drop_idle()
    exchange.response.status = 0
    settle(exchange)
    ask(exchange)
    return True


def _is_safe(exchange: Exchange, error: GatewayError) -> bool:
    service = exchange.service
    if exchange.is_head_sent or exchange.attempts >= service.attempts:
        return False
    if error.retry == RETRY_ALWAYS:
        return "connect" in service.retry_on and len(service.endpoints) > len(exchange.tried) + 1
    if error.retry == RETRY_IDEMPOTENT:
        request = exchange.request
        return "reset" in service.retry_on and request.method in IDEMPOTENT and not request.has_body
    return False


def settle(exchange: Exchange) -> None:
    """The endpoint asked last, if there is one, has this exchange no more."""
    endpoint: Endpoint | None = exchange.endpoint
    if endpoint is not None:
        endpoint.active -= 1
        exchange.plane.values[endpoint.base + counters.ENDPOINT_ACTIVE] -= 1
        none: Any = None
        exchange.endpoint = none
