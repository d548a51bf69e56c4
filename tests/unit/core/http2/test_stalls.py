"""When a stream is looked at whose answer nobody takes, and what becomes of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.core.http2 import stalls


def stream(write: float = 60.0, *, is_crowded: bool = False, pressing: int = 1) -> Any:
    given: list[bool] = []
    connection = SimpleNamespace(
        plane=SimpleNamespace(now=100.0), is_crowded=lambda: is_crowded, give_up=lambda _: given.append(True)
    )
    return SimpleNamespace(
        connection=connection, listener=SimpleNamespace(write_timeout=write), sent=5000, stalled_at=0, stalled_since=0.0,
        deadline=float("inf"), given=given,
        exchange=SimpleNamespace(error=None, endpoint=SimpleNamespace(pool=SimpleNamespace(pressing=pressing))),
    )  # fmt: skip


@pytest.mark.parametrize(("write", "deadline"), [(60.0, 105.0), (2.0, 102.0), (0.0, float("inf"))])
def test_it_is_looked_at_soon_unless_it_may_wait_for_ever(write: float, deadline: float) -> None:
    one = stream(write)
    stalls.begin(one)
    assert (one.deadline, one.stalled_at, one.stalled_since) == (deadline, 5000, 100.0)


def test_it_may_wait_while_something_is_taken_and_until_its_time_is_over() -> None:
    one = stream()
    stalls.begin(one)
    for seconds in range(5, 60, 5):
        stalls.look(one, 100.0 + seconds)
    assert not one.given
    one.sent += stalls.TAKEN_LEAST
    stalls.look(one, 160.0)
    stalls.look(one, 219.0)
    assert not one.given
    stalls.look(one, 220.0)
    assert one.given == [True] and one.exchange.error.code == "write_timeout"


def test_one_too_many_is_given_up_at_the_next_look_unless_something_is_taken() -> None:
    one = stream(is_crowded=True)
    stalls.begin(one)
    one.sent += stalls.TAKEN_LEAST
    stalls.look(one, 105.0)
    assert not one.given
    one.sent += stalls.TAKEN_LEAST - 1
    stalls.look(one, 110.0)
    assert one.given == [True]


def test_many_may_wait_as_long_as_nobody_else_does() -> None:
    one = stream(is_crowded=True, pressing=0)
    stalls.begin(one)
    stalls.look(one, 105.0)
    assert not one.given
    one.exchange.endpoint.pool.pressing = 1
    stalls.look(one, 110.0)
    assert one.given == [True]


def test_nobody_waits_for_what_was_answered_here() -> None:
    one = stream(is_crowded=True)
    one.exchange.endpoint = None
    stalls.begin(one)
    stalls.look(one, 105.0)
    assert not one.given


def test_one_without_an_exchange_is_given_up_too() -> None:
    one = stream(write=1.0)
    one.exchange = None
    stalls.begin(one)
    stalls.look(one, 101.0)
    assert one.given == [True]
