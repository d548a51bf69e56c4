"""A limit that several gateways share, without a Redis: the bucket in Python, and nodes that ask it whenever a test says so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastgw.core.live import words
from fastgw.core.live.board import NAMED_TIMES, Board, blank
from fastgw.core.live.grants import Grant, Inquiry, Question
from fastgw.core.live.leases import Lease, Shared
from fastgw.core.live.meters import admit
from fastgw.core.live.news import Ask, LeasePlaces
from fastgw.core.settings import RedisSettings
from fastgw.policy.amounts import Amounts
from fastgw.policy.leases import LeaseTerms
from fastgw.policy.window_amounts import WindowAmounts

SECOND = 10**9


def redis_at(
    host: str = "127.0.0.1",
    port: int = 6379,
    socket: str = "",
    db: int = 0,
    is_tls: bool = False,
    *,
    username: str = "",
    password: str = "",
    timeout: float = 0.5,
) -> RedisSettings:
    """A Redis, of which only what matters is said."""
    return RedisSettings(host, port, socket, db, is_tls, "", False, username, password, timeout)


REDIS = redis_at()
PLACES = LeasePlaces(11, 12, 13, b"a key")


class Clock:
    """Goes on when a test says so."""

    def __init__(self) -> None:
        self.now = 1000 * SECOND

    def __call__(self) -> int:
        return self.now


class Elsewhere:
    """The bucket: what ``server.lease_script`` says, in Python."""

    def __init__(self, rate: Amounts, clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self.full_at = 0

    def answer(self, question: Question) -> Grant:
        now, rate = self._clock.now, self._rate
        full = rate.taken(max(self.full_at, rate.lacking(question.lack, now)), now, question.owed)
        granted = max(0, min(question.missing, rate.left(full, now)))
        self.full_at = rate.taken(full, now, granted)
        return Grant(granted, rate.lacks(self.full_at, now))


class ToldBoard(Board):
    """One that has no room, or on which others are always faster, if a test says so."""

    is_full = False
    is_contended = False

    def claim(self, *arguments: Any) -> int:
        return -1 if self.is_full else super().claim(*arguments)

    def compare_and_swap(self, cell: int, old: int, new: int) -> bool:
        return not self.is_contended and super().compare_and_swap(cell, old, new)


class Node:
    """One gateway."""

    def __init__(self, board: ToldBoard, clock: Clock, shared: Shared, ask: Ask) -> None:
        self.board, self.clock, self.shared = board, clock, shared
        self._ask = ask
        self.is_there = True
        self.wanted: list[Ask] = []

    def lease(self, needs: int = 1, takes: int = 1) -> Lease:
        where = (self.board, NAMED_TIMES, PLACES, self.shared, self.clock)
        return Lease(*where, needs, takes, is_there=self.is_there)

    def request(self, needs: int = 1, takes: int = 1) -> Lease | None:
        """What one that is admitted has; None: it was refused."""
        lease = self.lease(needs, takes)
        refusing = admit([lease])  # type: ignore[list-item]
        if lease.is_low and (until := lease.ask(SECOND)):
            self.wanted.append(self._ask._replace(until=until))
        return None if refusing else lease

    def asking(self) -> Inquiry:
        """The question that it wants to have asked next."""
        return Inquiry(self.board, self.wanted.pop(0), self.clock)

    def exchange(self, elsewhere: Elsewhere) -> Grant:
        """Have it asked, and take the answer."""
        asking = self.asking()
        question = asking.question()
        grant = elsewhere.answer(question)
        asking.answered(question, grant, 0.5)
        return grant


@contextmanager
def nodes(
    count: int,
    clock: Clock,
    rate: int = 100,
    burst: int = 50,
    block: int = 10,
    *,
    is_alone: bool = False,
    window: int = 0,
) -> Iterator[list[Node]]:
    """So many, each with a board of its own, and a limit of ``rate`` a second; or of ``burst`` in a ``window`` of so many seconds."""
    if window:
        age, end = window * SECOND, clock.now + window * SECOND
        made: Amounts = WindowAmounts(burst, age, end)
        ask = Ask(REDIS, PLACES, False, burst, age, burst, block, age, 0, end)
    else:
        age, made = 30 * SECOND, Amounts(rate, SECOND, burst)
        ask = Ask(REDIS, PLACES, False, rate, SECOND, burst, block, age, 0)
    shared = Shared(made, LeaseTerms(block, age, made.depth), is_alone)
    boards = []
    for _ in range(count):
        fd = os.memfd_create("board")
        os.ftruncate(fd, words.BOARD_BYTES)
        os.pwrite(fd, blank(bytes(16)), 0)
        boards.append(ToldBoard(fd))
        os.close(fd)
    yield [Node(board, clock, shared, ask) for board in boards]
    for board in boards:
        board.close()
