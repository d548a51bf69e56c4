"""What is told of blocks of counters."""

from __future__ import annotations

from fastgw.core import counters, labels, websocket_counters
from fastgw.server.block_status import causes, of_route, of_service, pick


def test_counters_have_their_names() -> None:
    assert pick([7, 8, 9], {"first": 0, "last": 2}) == {"first": 7, "last": 9}


def test_only_causes_that_happened_are_told() -> None:
    block = [0] * counters.ENDPOINT.size
    block[counters.ENDPOINT_CAUSES + labels.CAUSES.index("connect_refused")] = 2
    assert causes(block) == {"connect_refused": 2}


def test_a_route_without_requests_has_no_mean() -> None:
    found = of_route([0] * counters.ROUTE.size)
    assert found["mean_seconds"] is None
    assert found["cache"]["entries"] == 0


def test_a_route_tells_of_its_websockets() -> None:
    block = [0] * counters.ROUTE.size
    block[websocket_counters.OPEN] = 2
    block[websocket_counters.MESSAGES + 1] = 9
    block[websocket_counters.CLOSES + websocket_counters.ENDS.index("idle")] = 1
    block[websocket_counters.CODES + websocket_counters.place_of(1001)] = 1
    told = {"open": 2, "messages": {"client": 0, "service": 9}, "closes": {"idle": 1}, "codes": {"1001": 1}}
    assert of_route(block)["websocket"] == told


def test_a_service_tells_its_answers_and_retries() -> None:
    block = [0] * counters.SERVICE.size
    block[counters.SERVICE_RETRIES] = 3
    block[counters.SERVICE_RETRIES + 1] = 4
    block[counters.SERVICE_HEDGES] = 5
    block[counters.SERVICE_HEDGES_WON] = 2
    block[counters.SERVICE_HEDGES_REFUSED] = 1
    found = of_service(block)
    assert found["retries"] == 7
    assert found["hedges"] == {"sent": 5, "won": 2, "refused": 1}
    assert found["mean_first_byte_seconds"] is None
    assert of_service(None) == {}
