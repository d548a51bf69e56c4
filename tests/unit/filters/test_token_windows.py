"""Limits by day and month: exact over workers, all there again when the next one begins.  Time is the test's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from fastgw.core.live.grants import Inquiry
from fastgw.core.live.holds import Seat
from fastgw.core.live.news import Ask
from fastgw.filters.token_limit import TokenLimit, in_windows
from fastgw.filters.token_limits import counted_limit
from fastgw.filters.token_rates import DAY, MONTH
from fastgw.filters.usage import Usage
from fastgw.policy.leases import MOST as MOST_LEASED
from fastgw.policy.window_amounts import WindowAmounts
from fastgw.testing.edge import Edge, Spy, body_of, statuses
from tests.support.inference import OPTIONS as METERING
from tests.support.inference import asks
from tests.support.shared_rate import REDIS, SECOND, Elsewhere
from tests.unit.filters.test_rate_limit import Clock, arrive, clock, fd, fields, seat  # noqa: F401 - fixtures
from tests.unit.filters.test_shared_limits import asked  # noqa: F401 - a fixture
from tests.unit.filters.test_token_limit import OPTIONS, PRICES, prompt, said, told

CLUSTER = (("redis", REDIS), ("prefix", "fastgw"), ("is_alone", False), ("age", 30 * SECOND))
EVENING = datetime(2026, 11, 30, 23, 59, 0, tzinfo=UTC).timestamp()


class Days:
    """Workers with one limit, and the clocks of their machine."""

    def __init__(self, clock: Clock, *limits: Any, zone: str = "UTC", front: Any = ()) -> None:  # noqa: F811
        self.clock = clock
        self.born = clock.now
        self.limits, self.zone, self.front = limits, zone, front
        self.edges: list[Edge] = []

    def wall(self) -> float:
        return EVENING + (self.clock.now - self.born) / 10**9

    def worker(self, seat: Seat, cluster: Any = None) -> Edge:  # noqa: F811
        options = OPTIONS | {"limits": self.limits, "timezone": self.zone, "cluster": cluster}
        limit = TokenLimit("limit", options, self.clock, self.wall)
        edge = Edge(filters=[*self.front, limit, Usage("usage", METERING | {"prices": PRICES})], seat=seat)
        self.edges.append(edge)
        return edge

    def end(self) -> None:
        for one in self.edges:
            one.end()


def ask(edge: Edge, max_tokens: int, used: tuple[int, int] | None = None) -> bytes:
    """What the client gets, of a service that answers with these tokens; without it does not answer yet."""
    client = edge.client(asks(prompt(max_tokens=max_tokens)))
    found = client.take()
    if not found and used is not None:
        if edge.attempts:
            edge.services = edge.connect()  # type: ignore[attr-defined]  # or else the one that is idle
        edge.services.feed(told(*used))  # type: ignore[attr-defined]
        found = client.take()
    return found


def test_what_is_used_comes_back_when_the_next_day_begins_and_not_before(
    arrive: Callable[[], Seat],  # noqa: F811
    clock: Clock,  # noqa: F811
) -> None:
    days = Days(clock, said(100, DAY))
    one, two = days.worker(arrive()), days.worker(arrive())
    assert statuses(ask(one, 50, (30, 40))) == [200]
    clock.advance(30)
    refused = ask(two, 50)
    assert statuses(refused) == [429] and fields(refused)["x-ratelimit-remaining-tokens"] == "30"
    assert fields(refused)["x-ratelimit-reset-tokens"] == "30000ms" and fields(refused)["retry-after"] == "30"
    assert b"the limit of 100 tokens/day per filter is reached" in refused
    assert statuses(ask(two, 4, (20, 10))) == [200]
    assert statuses(ask(one, 0)) == [429]
    clock.advance(29.9)
    assert statuses(ask(one, 0)) == [429]
    clock.advance(0.1)
    assert statuses(ask(two, 74, (26, 74))) == [200]  # all 100
    assert statuses(ask(one, 0)) == [429]
    days.end()


def test_a_request_that_began_in_one_day_is_settled_in_that_one(seat: Seat, clock: Clock) -> None:  # noqa: F811
    days = Days(clock, said(100, DAY))
    edge = days.worker(seat)
    client = edge.client(asks(prompt(max_tokens=70)))
    service = edge.services = edge.connect()  # type: ignore[attr-defined]
    clock.advance(61)
    service.feed(told(26, 70))
    assert statuses(client.take()) == [200]
    assert statuses(ask(edge, 74, (26, 74))) == [200]
    days.end()


def test_a_budget_of_a_month(seat: Seat, clock: Clock) -> None:  # noqa: F811
    days = Days(clock, said(500, MONTH, unit="cost"))
    edge = days.worker(seat)
    assert statuses(ask(edge, 40, (30, 47))) == [200]  # 30 + 470 millionths
    refused = ask(edge, 0)
    assert statuses(refused) == [429] and b"the budget of 0.0005 is spent; the next month begins in 60 s" in body_of(
        refused
    )
    clock.advance(60)
    assert statuses(ask(edge, 1, (1, 1))) == [200]
    days.end()


def test_requests_by_day_and_by_whom(seat: Seat, clock: Clock) -> None:  # noqa: F811
    who = iter(["ann", "bob", "ann", "ann"])
    front = [Spy("key", [], request=lambda exchange: exchange.note("key", next(who)))]
    days = Days(clock, said(1, DAY, unit="requests", per=("key",)), front=front)
    edge = days.worker(seat)
    assert [statuses(ask(edge, 1, (1, 1)))[0] for _ in range(3)] == [200, 200, 429]
    clock.advance(60)
    assert statuses(ask(edge, 1, (1, 1))) == [200]
    days.end()


def test_days_are_those_of_the_time_zone(seat: Seat, clock: Clock) -> None:  # noqa: F811
    days = Days(clock, said(1, DAY, unit="requests"), zone="Asia/Tokyo")
    edge = days.worker(seat)
    assert statuses(ask(edge, 1, (1, 1))) == [200]
    clock.advance(61)  # midnight in London, morning in Tokyo
    assert statuses(ask(edge, 1)) == [429]
    clock.advance(15 * 3600)
    assert statuses(ask(edge, 1, (1, 1))) == [200]
    days.end()


def test_limits_of_a_key_may_be_such(seat: Seat, clock: Clock) -> None:  # noqa: F811
    noted = (("requests", "1/day"),)
    front = [Spy("key", [], request=lambda exchange: exchange.note("limits", {"key": noted}))]
    days = Days(clock, said(100, unit="requests", per=("key",)), front=front)
    edge = days.worker(seat)
    assert [statuses(ask(edge, 1, (1, 1)))[0] for _ in range(2)] == [200, 429]
    days.end()


@pytest.mark.parametrize("unit", ["tokens", "requests", "cost"])
def test_words(unit: str) -> None:
    options = dict(said(100, DAY, unit=unit, per=("key",)))
    found = counted_limit("limit", 1, options, None, partial(in_windows, "UTC", lambda: 0.0))
    assert found.kind.word == "day" and found.kind.text.endswith(f"{unit}/day per key") and found.burst == 100


class Lending:
    """What several gateways share, and a gateway that asks for it whenever a test says so."""

    def __init__(self, seat: Seat, edge: Edge, clock: Clock, asked: list[Ask]) -> None:  # noqa: F811
        self.seat, self.edge, self.clock, self.asked = seat, edge, clock, asked
        self.shared: dict[bytes, Elsewhere] = {}

    def lend(self) -> list[tuple[int, int]]:
        """Answer what was asked: what was owed, and what is granted."""
        self.edge.run()
        found = []
        while self.asked:
            one = self.asked.pop(0)
            asking = Inquiry(self.seat.board, one, self.clock)
            question = asking.question()
            rate = WindowAmounts(one.amount, one.period, one.end)
            grant = self.shared.setdefault(one.places.name, Elsewhere(rate, self.clock)).answer(question)  # type: ignore[arg-type]
            asking.answered(question, grant, 0.5)
            found.append((question.owed, grant.granted))
        return found


def test_gateways_share_what_there_is_in_a_day(seat: Seat, clock: Clock, asked: list[Ask]) -> None:  # noqa: F811
    days = Days(clock, (*said(100, DAY), ("block", 10)))
    edge = days.worker(seat, CLUSTER)
    lending = Lending(seat, edge, clock, asked)
    assert statuses(ask(edge, 4, (20, 10))) == [200]  # so much may be owed
    assert lending.lend() == [(30, 10)]
    [name] = lending.shared
    assert name.startswith(b"fastgw:limit:tokens:100/-2/100:")
    lending.shared[name].full_at += 55  # others
    assert statuses(ask(edge, 4, (20, 10))) == [200]
    assert lending.lend() == [(20, 0)]
    refused = ask(edge, 4)
    assert statuses(refused) == [429] and fields(refused)["retry-after"] == "60"
    clock.advance(60)
    assert statuses(ask(edge, 4, (26, 4))) == [200]
    assert lending.lend() == [(30, 10)]
    assert len(lending.shared) == 2 and all(name.startswith(b"fastgw:limit:") for name in lending.shared)
    days.end()


def test_a_budget_is_not_called_spent_while_a_part_of_it_is_asked_for(
    seat: Seat,  # noqa: F811
    clock: Clock,  # noqa: F811
    asked: list[Ask],  # noqa: F811
) -> None:
    days = Days(clock, (*said(1000, MONTH, unit="cost"), ("block", 10)))
    edge = days.worker(seat, CLUSTER)
    lending = Lending(seat, edge, clock, asked)
    assert statuses(ask(edge, 40, (30, 47))) == [200]  # 500 millionths are owed, more than a block
    early = ask(edge, 40)
    assert statuses(early) == [429] and fields(early)["retry-after"] == "1"
    assert b"rate_limit_exceeded" in early and b"it has asked for more; try again in 1 s" in early
    assert lending.lend() == [(500, 10)]
    [name] = lending.shared
    lending.shared[name].full_at += 490  # others
    assert statuses(ask(edge, 0, (1, 0))) == [200]
    lending.lend()
    spent = ask(edge, 40)
    assert statuses(spent) == [429] and b"insufficient_quota" in spent
    assert b"the budget of 0.001 is spent; the next month begins in 60 s" in spent
    days.end()


def test_who_ends_in_the_next_day_asks_for_nothing_of_the_last(seat: Seat, clock: Clock, asked: list[Ask]) -> None:  # noqa: F811
    days = Days(clock, (*said(100, DAY), ("block", 10)))
    edge = days.worker(seat, CLUSTER)
    lending = Lending(seat, edge, clock, asked)
    client = edge.client(asks(prompt(max_tokens=4)))
    service = edge.services = edge.connect()  # type: ignore[attr-defined]
    assert lending.lend() == [(30, 10)]
    clock.advance(61)
    assert statuses(ask(edge, 4, (20, 10))) == [200]
    assert lending.lend() == [(30, 10)]
    service.feed(told(50, 40))
    assert statuses(client.take()) == [200]
    assert lending.lend() == []
    days.end()


def test_no_request_owes_more_than_can_be_written_down() -> None:
    options = dict(said(10**12, MONTH)) | {"block": 100}
    found = counted_limit("limit", 1, options, dict(CLUSTER), partial(in_windows, "UTC", lambda: 0.0))
    assert found.burst == MOST_LEASED and found.kind.rate.burst == 10**12
