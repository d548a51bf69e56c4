"""What follows a forecast in a worker: connections that are open before anybody asks, and where a limit begins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fastgw.core import counters
from fastgw.core.live.expected import EXPECTED, STEP
from fastgw.core.settings import AS_FORECAST
from fastgw.testing import usual
from fastgw.testing.edge import Edge
from tests.unit.core.live.gate_stage import Workers, workers

FOLLOWING = usual.pool(warm=AS_FORECAST, max_connections=20, idle_timeout=60.0)


@pytest.fixture(autouse=True)
def nothing_is_expected() -> Iterator[None]:
    yield
    EXPECTED.__init__()  # type: ignore[misc]  # there is one in a worker, and these are many


def opened(edge: Edge) -> int:
    """Let all attempts of a sweep succeed; how many there were."""
    edge.loop.advance(0.25)
    count = len(edge.attempts)
    for _ in range(count):
        edge.connect()
    return count


def test_nothing_is_opened_while_nothing_is_forecast() -> None:
    edge = Edge(pool=FOLLOWING)
    assert opened(edge) == 0
    EXPECTED.learn({"another": 9.0}, 1, ())
    assert opened(edge) == 0
    edge.end()


def test_connections_are_opened_a_few_at_a_time_up_to_the_part_of_the_worker() -> None:
    edge = Edge(pool=FOLLOWING)
    EXPECTED.learn({"s": 19.0}, 2, ())
    assert [opened(edge) for _ in range(4)] == [STEP, STEP, 2, 0]
    assert edge.of_endpoint(counters.ENDPOINT_IDLE) == 10
    EXPECTED.learn({"s": 2.0}, 2, ())  # what is open stays, for as long as it may be idle
    assert opened(edge) == 0 and edge.of_endpoint(counters.ENDPOINT_IDLE) == 10
    edge.loop.advance(61)
    assert edge.of_endpoint(counters.ENDPOINT_IDLE) == 0 and len(edge.attempts) == 1
    edge.end()


def test_the_bound_of_the_pool_and_the_members_divide_it() -> None:
    edge = Edge(pool=FOLLOWING, endpoints=2)
    EXPECTED.learn({"s": 1000.0}, 1, ())
    found = [opened(edge) for _ in range(7)]
    assert found == [2 * STEP] * 5 + [0, 0]
    EXPECTED.learn({}, 1, ())
    edge.loop.advance(0.25)
    assert [one.pool.settings.warm for one in edge.endpoints] == [0, 0]
    edge.end()


def test_a_reload_and_one_that_ends_it() -> None:
    edge = Edge(pool=FOLLOWING)
    EXPECTED.learn({"s": 3.0}, 1, ())
    assert opened(edge) == 3
    [endpoint] = edge.endpoints
    endpoint.apply(endpoint.settings._replace(pool=FOLLOWING._replace(connect_timeout=2.0)))
    edge.loop.advance(0.25)
    assert (endpoint.pool.settings.warm, endpoint.pool.settings.connect_timeout) == (3, 2.0)
    endpoint.apply(endpoint.settings._replace(pool=usual.pool(warm=1)))
    edge.loop.advance(0.25)
    assert endpoint.pool.settings.warm == 1
    edge.plane.is_draining = True
    endpoint.apply(endpoint.settings._replace(pool=FOLLOWING))
    edge.loop.advance(0.25)
    assert endpoint.pool.settings.warm == AS_FORECAST and not edge.attempts
    edge.end()


def test_a_link_counts_for_the_streams_that_it_carries() -> None:
    edge = Edge(pool=FOLLOWING)
    [endpoint] = edge.endpoints
    endpoint.pool.each = 8  # as that of one of HTTP/2
    EXPECTED.learn({"s": 17.0}, 1, ())
    assert opened(edge) == 3
    edge.end()


@pytest.fixture
def stage() -> Iterator[Workers]:
    with workers() as found:
        yield found


ADAPTIVE = {"limit": 5, "least": 2, "most": 50, "is_forecast": True}


def limits(stage: Workers) -> list[int]:
    stage.loop.advance(0.5)  # a sweep, and what others have learned is read
    return [edge.plane.values[edge.service.base + counters.SERVICE_LIMIT] for edge in stage.edges]


def test_a_limit_begins_where_the_forecast_is(stage: Workers) -> None:
    stage.worker(**ADAPTIVE)
    stage.worker(**ADAPTIVE)
    assert limits(stage) == [5, 5]
    EXPECTED.learn({"s": 30.2, "other": 7.0}, 2, ("s", "other"))
    assert limits(stage) == [31, 31]
    EXPECTED.learn({"s": 900.0}, 2, ())
    assert limits(stage) == [50, 50]
    EXPECTED.learn({"s": 0.0}, 2, ())
    assert limits(stage) == [2, 2]


def test_one_that_says_nothing_of_forecasts_is_left_alone(stage: Workers) -> None:
    stage.worker(**(ADAPTIVE | {"is_forecast": False}))
    EXPECTED.learn({"s": 30.2}, 2, ("s",))
    assert limits(stage) == [5]
