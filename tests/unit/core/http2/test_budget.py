"""What one connection may do that serves nobody."""

from __future__ import annotations

import pytest

from fastgw.core.http2 import budget
from fastgw.core.http2.budget import ADDRESSES_MOST, REMEMBERED, FloodBudget, Spenders, network
from fastgw.wire.http2.errors import ENHANCE_YOUR_CALM, Http2Error

NOTHING = memoryview(b"")


def spend(one: FloodBudget, times: int, cost: float = 1.0, now: float = 0.0) -> None:
    for _ in range(times):
        one.spend(cost, "PING", now)


def test_it_is_spent_at_some_time() -> None:
    one = FloodBudget(0.0)
    spend(one, 1000)
    with pytest.raises(Http2Error) as caught:
        one.spend(1.0, "RST_STREAM", 0.0)
    assert caught.value.code == ENHANCE_YOUR_CALM
    assert "RST_STREAM" in str(caught.value)


def test_time_fills_it_and_never_beyond_its_size() -> None:
    one = FloodBudget(0.0)
    spend(one, 1000)
    spend(one, 50, now=5.0)
    spend(one, 1000, now=10_000.0)
    with pytest.raises(Http2Error):
        one.spend(1.0, "PING", 10_000.0)


def test_answers_fill_it() -> None:
    one = FloodBudget(0.0)
    for _ in range(1000):
        one.spend(budget.PER_ANSWER, "PING", 0.0)
        one.earn()
    spend(one, 1000)
    with pytest.raises(Http2Error):
        one.spend(1.0, "PING", 0.0)


def test_a_clock_that_stands_gives_nothing() -> None:
    one = FloodBudget(5.0)
    spend(one, 1000, now=5.0)
    with pytest.raises(Http2Error):
        one.spend(1.0, "PING", 4.0)


def test_one_may_begin_with_less() -> None:
    one = FloodBudget(0.0, 20.0)
    spend(one, 20)
    with pytest.raises(Http2Error):
        one.spend(1.0, "PING", 0.0)


def test_an_address_is_remembered_for_a_while_from_the_last_time_on() -> None:
    some = Spenders(NOTHING)
    assert not some.has(b"10.0.0.1", 0.0)
    some.add(b"10.0.0.1", 0.0)
    some.add(b"10.0.0.2", 0.0)
    some.add(b"10.0.0.1", 30.0)
    assert some.has(b"10.0.0.1", 60.0) and not some.has(b"10.0.0.3", 60.0)
    assert not some.has(b"10.0.0.2", REMEMBERED)
    assert not some.has(b"10.0.0.1", 30.0 + REMEMBERED)


def test_no_more_addresses_are_remembered_than_there_may_be() -> None:
    some = Spenders(NOTHING)
    for number in range(ADDRESSES_MOST + 1):
        some.add(b"10.0.%d.%d" % divmod(number, 256), 0.0)
    assert not some.has(b"10.0.0.0", 0.0)
    assert some.has(b"10.0.0.1", 0.0)


@pytest.mark.parametrize(
    ("address", "stands_for"),
    [
        (b"10.0.0.1", b"10.0.0.1"),
        (b"2001:db8:1:2:3::4", b"2001:db8:1:2::/64"),
        (b"::1", b"::/64"),
        (b"unknown", b"unknown"),
        (b"no:address", b"no:address"),
    ],
)
def test_a_host_of_ipv6_has_a_network(address: bytes, stands_for: bytes) -> None:
    assert network(address) == stands_for
