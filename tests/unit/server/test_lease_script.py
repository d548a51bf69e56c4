"""The script, run by a real Redis: what it grants, what it remembers, and clocks that go back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fastgw.server.lease_script import SCRIPT
from tests.support.redis import RedisServer

pytest.importorskip("hiredis", reason="needs the package hiredis: pip install 'fastgw[redis]'")
pytestmark = pytest.mark.needs("redis-server")

HOUR = 3_600_000_000  # microseconds


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    made = RedisServer().start()
    yield made
    made.close()


@pytest.fixture
def lend(server: RedisServer) -> Any:
    """100 an hour, 50 at once, so that nothing comes back while a test runs."""
    server.ask("FLUSHALL")

    def ask(
        missing: int, owed: int = 0, known: int = 0, key: str = "k", rate: tuple[int, int, int] = (100, HOUR, 50)
    ) -> Any:
        return server.ask("EVAL", SCRIPT, 1, key, *rate, owed, missing, known)

    return ask


def minutes(answer: list[int]) -> list[float]:
    """What was granted, and minutes until it is full."""
    return [answer[0], round(answer[1] / 60e6, 1)]


def test_it_grants_what_is_there(lend: Any) -> None:
    assert minutes(lend(20)) == [20, 12.0]
    assert minutes(lend(20)) == [20, 24.0]
    assert minutes(lend(20)) == [10, 30.0]
    assert minutes(lend(20)) == [0, 30.0]
    assert minutes(lend(20, key="another")) == [20, 12.0]


def test_exactly_as_much_as_there_is_at_once_is_granted(lend: Any) -> None:
    assert minutes(lend(50)) == [50, 30.0]
    assert minutes(lend(7, key="b", rate=(7, 1_000_000, 7)))[0] == 7
    assert minutes(lend(10**12, key="c", rate=(10**12, 1_000_000, 10**12)))[0] == 10**12


def test_what_is_owed_is_taken_whatever_is_there(lend: Any) -> None:
    assert minutes(lend(10, owed=45)) == [5, 30.0]
    assert minutes(lend(10, owed=100)) == [0, 90.0]
    assert minutes(lend(0)) == [0, 90.0]


def test_one_that_has_forgotten_is_told(lend: Any, server: RedisServer) -> None:
    lend(40)
    server.ask("FLUSHALL")
    assert minutes(lend(20, known=24 * 60_000_000)) == [10, 30.0]
    assert minutes(lend(20, known=12 * 60_000_000)) == [0, 30.0]  # it knows better


def test_a_full_bucket_is_forgotten(lend: Any, server: RedisServer) -> None:
    lend(1, rate=(1000, 1_000_000, 5))
    lend(10)
    assert 0 < server.ask("PTTL", "k") <= 360_001
    lend(0, key="none")
    assert server.ask("EXISTS", "none") == 0


def test_a_clock_that_goes_back_moves_the_bucket_with_it(lend: Any, server: RedisServer) -> None:
    lend(20)
    at, when = map(int, server.ask("GET", "k").split())
    server.ask("SET", "k", f"{at + 5 * HOUR} {when + 5 * HOUR}")
    found = lend(50)
    assert found[0] == 30
    assert abs(found[1] / 60e6 - 30) < 0.1


def test_what_is_no_bucket_is_a_new_one(lend: Any, server: RedisServer) -> None:
    server.ask("SET", "k", "something")
    assert minutes(lend(50)) == [50, 30.0]


def test_nobody_owes_more_than_a_year(lend: Any) -> None:
    assert lend(1, owed=2**31)[1] == 366 * 24 * HOUR


def test_tokens_come_back(lend: Any) -> None:
    """By the clock of the server: a millisecond for each."""
    rate = (1000, 1_000_000, 1000)
    first = lend(1000, rate=rate)
    assert first[0] == 1000
    second = lend(1000, rate=rate)
    assert second[0] <= 1000
    assert abs((second[1] - first[1]) - 1000 * second[0]) <= 1_000_000


def test_of_a_window_nothing_comes_back(lend: Any, server: RedisServer) -> None:
    window = (0, HOUR // 1000, 50)
    assert lend(20, rate=window) == [20, 20]
    assert lend(20, owed=5, rate=window) == [20, 45]
    assert lend(20, rate=window) == [5, 50]
    assert lend(20, owed=7, rate=window) == [0, 57]  # it was admitted, so it counts
    assert 3_590_000 < server.ask("PTTL", "k") <= 3_600_000
    server.ask("FLUSHALL")
    assert lend(20, known=45, rate=window) == [5, 50]  # one that has forgotten is told
    server.ask("SET", "k", "something")
    assert lend(0, known=30, rate=window) == [0, 30]
    assert lend(0, rate=window, key="none") == [0, 0] and server.ask("EXISTS", "none") == 0
    assert lend(1, owed=2**41, rate=window) == [0, 2**40 - 1]
    assert lend(10**12, rate=(0, 1000, 10**12), key="large") == [10**12, 10**12]
