"""A limit that workers learn together."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from fastgw.core.live.board import Board, blank
from fastgw.core.live.limit import KEPT, AdaptiveLimit
from fastgw.core.live.words import BOARD_BYTES
from fastgw.errors import DownstreamError, GatewayError, UpstreamError

KEY = 12345


class Time:
    """Of all workers."""

    def __init__(self) -> None:
        self.now = 100.0

    def seconds(self) -> float:
        return self.now

    def nanoseconds(self) -> int:
        return int(self.now * 1e9)


@pytest.fixture
def board() -> Iterator[Board]:
    fd = os.memfd_create("board")
    os.ftruncate(fd, BOARD_BYTES)
    os.pwrite(fd, blank(bytes(16)), 0)
    found = Board(fd)
    yield found
    found.close()
    os.close(fd)


def learner(board: Board | None, time: Time, start: int = 10) -> AdaptiveLimit:
    found = AdaptiveLimit(board, KEY, time.seconds, time.nanoseconds)
    found.apply(start, 2, 100)
    return found


def window(limit: AdaptiveLimit, time: Time, outcome: GatewayError | int, seconds: float = 0.01) -> None:
    """All that one worker sees for a while."""
    limit.was_full = True
    for _ in range(20):
        time.now += 0.01
        limit.settle(None, outcome, seconds)


def test_it_begins_where_the_file_says(board: Board) -> None:
    assert learner(board, Time()).value() == 10


def test_what_one_worker_learns_holds_for_all(board: Board) -> None:
    time = Time()
    one, other = learner(board, time), learner(board, time)
    for _ in range(5):
        window(one, time, 200)
    assert other.value() == one.value() > 10


def test_several_workers_are_no_faster_than_one(board: Board) -> None:
    time = Time()
    workers = [learner(board, time) for _ in range(4)]
    for one in workers:
        one.was_full = True
    for _ in range(10):  # all see the same window at once
        time.now += 0.02
        for one in workers:
            one.settle(None, 200, 0.01)
    assert workers[0].value() <= 11


@pytest.mark.parametrize(
    "outcome", [503, 429, UpstreamError(504, "answer_timeout", "late"), UpstreamError(502, "upstream_reset", "gone")]
)
def test_failures_and_timeouts_are_drops(board: Board, outcome: GatewayError | int) -> None:
    time = Time()
    one = learner(board, time)
    window(one, time, outcome, 30.0)
    assert one.value() < 10


def test_clients_that_leave_are_nothing(board: Board) -> None:
    time = Time()
    one = learner(board, time)
    window(one, time, DownstreamError(499, "client_gone", "left"))
    assert one.value() == 10


def test_other_bounds_hold_at_once(board: Board) -> None:
    one = learner(board, Time())
    one.apply(10, 20, 30)
    assert one.value() == 20


def test_a_forecast_says_where_it_begins_and_raises_what_has_only_begun(board: Board) -> None:
    time = Time()
    one, other = learner(board, time), learner(board, time)
    one.begin_at(40, is_news=False)
    assert (one.value(), other.value()) == (40, 10)
    window(other, time, 200)
    begun = other.value()
    one.begin_at(60, is_news=False)  # what is learned counts for more
    time.now += 0.1
    assert one.value() == begun < 20
    one.begin_at(60, is_news=True)
    time.now += 0.1
    assert (one.value(), other.value()) == (60, 60)
    one.begin_at(30, is_news=True)  # and is never taken back by one
    one.begin_at(1000, is_news=False)
    time.now += 0.1
    assert (one.value(), other.value()) == (60, 60)
    one.begin_at(1000, is_news=True)
    time.now += 0.1
    assert other.value() == 100


def test_what_is_not_used_for_long_is_forgotten(board: Board) -> None:
    time = Time()
    one = learner(board, time)
    for _ in range(5):
        window(one, time, 200)
    assert one.value() > 10
    time.now += 2 * KEPT / 1e9
    assert one.value() == 10


def test_a_worker_without_a_board_learns_alone() -> None:
    time = Time()
    one = learner(None, time)
    for _ in range(5):
        window(one, time, 200)
    assert one.value() > 10
