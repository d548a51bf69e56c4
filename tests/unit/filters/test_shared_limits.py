"""A limit that several gateways share, as a request meets it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.live.grants import Inquiry
from fastgw.core.live.holds import Seat
from fastgw.core.live.news import Ask, LinkState
from fastgw.filters import shared_limits as module
from fastgw.filters.leases import LEASES
from fastgw.filters.rate_limit import RateLimit
from fastgw.filters.token_limits import counted_limit
from fastgw.policy.amounts import Amounts
from fastgw.testing.edge import GET, Edge, body_of, statuses
from tests.support.shared_rate import REDIS, Elsewhere
from tests.unit.filters.test_limits import answer
from tests.unit.filters.test_rate_limit import (  # noqa: F401 - fixtures
    OPTIONS,
    SECOND,
    Clock,
    arrive,
    ask,
    clock,
    fd,
    limits_told,
    said,
    seat,
)

RATE = Amounts(100, SECOND, 50)
HASH = b"626c503353e040f7ab8c335a33b3716d"  # of the name and the value; every gateway of whatever version must find the same
CLUSTER = (("redis", REDIS), ("prefix", "fastgw"), ("is_alone", False), ("age", 30 * SECOND))


@pytest.fixture
def asked() -> Iterator[list[Ask]]:
    """What this worker wants to have asked."""
    found: list[Ask] = []
    LEASES.on_asked = found.extend
    yield found
    LEASES.on_asked = None
    LEASES.retain(())


def no_window(*arguments: Any) -> Any:
    raise AssertionError(arguments)


def shared(clock: Clock, *limits: Any, cluster: Any = CLUSTER, **options: Any) -> RateLimit:  # noqa: F811
    blocks = [(*one, ("block", 10)) for one in limits]
    return RateLimit("limit", OPTIONS | {"limits": blocks, "cluster": cluster} | options, clock)


def test_it_is_counted_by_leases(seat: Seat, clock: Clock, asked: list[Ask]) -> None:  # noqa: F811
    edge = Edge(filters=[shared(clock, said(100, 1, burst=50))], seat=seat)
    assert [ask(edge) for _ in range(12)] == [[]] * 10 + [[429]] * 2
    edge.run()
    [one] = asked
    assert (one.redis, one.is_of_clients, one[3:8]) == (REDIS, False, (100, SECOND, 50, 10, 30 * SECOND))
    assert one.places.name.startswith(b"fastgw:limit:requests:100/1/50:")
    asking = Inquiry(seat.board, one, clock)
    question = asking.question()
    elsewhere = Elsewhere(RATE, clock)  # type: ignore[arg-type]
    asking.answered(question, elsewhere.answer(question), 0.0)
    answers = [edge.client(GET).take() for _ in range(21)]
    assert [statuses(one) for one in answers] == [[]] * 20 + [[429]]
    told = limits_told(answers[-1])
    assert told["ratelimit"] == '"1";r=20;t=1'
    assert told["retry-after"] == "1"
    assert edge.of_route(counters.ROUTE_RATE_LIMITED) == 3
    edge.end()


def test_when_nobody_can_be_asked(seat: Seat, clock: Clock, asked: list[Ask]) -> None:  # noqa: F811
    LEASES.learn({REDIS: LinkState(False, "refused")})
    edge = Edge(filters=[shared(clock, said(100, 1, burst=50))], seat=seat)
    found = edge.client(GET).take()
    assert statuses(found) == [503]
    assert json.loads(body_of(found))["type"] == "urn:fastgw:error:limit_unknown"
    assert limits_told(found) == {"retry-after": "1"}
    assert edge.of_route(counters.ROUTE_RATE_UNKNOWN) == 1
    assert edge.of_route(counters.ROUTE_RATE_LIMITED) == 0
    edge.end()
    alone = (*CLUSTER[:2], ("is_alone", True), CLUSTER[3])
    edge = Edge(filters=[shared(clock, said(100, 1, burst=50), cluster=alone)], seat=seat)
    assert [ask(edge) for _ in range(51)] == [[]] * 50 + [[429]]
    edge.end()
    edge.run()
    assert asked == []


def test_a_dry_run_lets_it_through(seat: Seat, clock: Clock, asked: list[Ask]) -> None:  # noqa: F811
    LEASES.learn({REDIS: LinkState(False, "refused")})
    edge = Edge(filters=[shared(clock, said(100, 1), dry_run=True)], seat=seat)
    assert ask(edge) == []
    assert edge.of_route(counters.ROUTE_RATE_LET_THROUGH) == 1
    edge.end()


@pytest.mark.parametrize(("unit", "left"), [("bytes", 300), ("cost", 7)])
def test_amounts_are_settled(
    seat: Seat,  # noqa: F811
    clock: Clock,  # noqa: F811
    asked: list[Ask],
    unit: str,
    left: int,
) -> None:
    edge = Edge(filters=[shared(clock, said(1000, 1, unit=unit, reserve=5))], seat=seat)
    client, service = edge.pair()
    service.feed(answer(300, b"X-Cost: 7"))
    assert statuses(client.take()) == [200]
    edge.run()
    assert Inquiry(seat.board, asked[0], clock).question().owed == left
    edge.end()


def test_one_that_settles_has_more_asked(seat: Seat, clock: Clock, asked: list[Ask]) -> None:  # noqa: F811
    edge = Edge(filters=[shared(clock, said(1000, 1, unit="bytes"))], seat=seat)
    client, service = edge.pair()
    edge.run()
    question = Inquiry(seat.board, asked[0], clock)
    question.answered(question.question(), Elsewhere(RATE, clock).answer(question.question()), 0.0)  # type: ignore[arg-type]
    service.feed(answer(300))
    client.take()
    edge.run()
    assert len(asked) == 2
    edge.end()


def test_keys_are_known_by_the_same_name_everywhere_and_remembered(
    seat: Seat,  # noqa: F811
    clock: Clock,  # noqa: F811
    asked: list[Ask],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    limits = [said(100, 1, per="header:x-a"), said(100, 60, per="header:x-a")]
    edge = Edge(filters=[shared(clock, *limits)], seat=seat)
    for key in (b"1", b"2", b"3", b"1"):
        assert ask(edge, GET.replace(b"Host", b"X-A: %b\r\nHost" % key)) == []
    edge.run()
    names = [one.places.name for one in asked]
    assert len(set(names)) == 6
    assert all(one.is_of_clients for one in asked)
    assert names[0] == b"fastgw:limit:requests:100/1/100:" + HASH
    edge.end()


def test_values_that_are_long_are_not_remembered(
    seat: Seat,  # noqa: F811
    clock: Clock,  # noqa: F811
    asked: list[Ask],
) -> None:
    filter_ = shared(clock, said(100, 1, per="header:x-a"))
    edge = Edge(filters=[filter_], seat=seat)
    for key in (b"1" * 256, b"2" * 257, b"2" * 257):
        assert ask(edge, GET.replace(b"Host", b"X-A: %b\r\nHost" % key)) == []
    edge.run()
    assert len({one.places.name for one in asked}) == 2
    assert [*filter_._limits[0]._known] == [(b"1" * 256,)]  # type: ignore[union-attr]
    edge.end()


def test_a_reservation_of_more_than_a_block_needs_all_of_it(seat: Seat, clock: Clock, asked: list[Ask]) -> None:  # noqa: F811
    """Else it would be admitted for want of a block, however little of the bucket there is behind that."""
    limit = counted_limit(
        "limit",
        1,
        {"rate": (1, 1), "burst": 50, "per": ("filter",), "unit": "tokens", "block": 10},
        dict(CLUSTER),
        no_window,
    )
    exchange: Any = SimpleNamespace(plane=SimpleNamespace(seat=seat), notes=None)
    first, second = limit.tab(exchange, clock, 40), limit.tab(exchange, clock, 40)
    assert first.look() and first.charge()
    limit.settle(first, {"total_tokens": 25})
    assert not second.look() and second.needs == 40  # there are 25
    third = limit.tab(exchange, clock, 10)
    assert not third.look()  # 25 are owed
