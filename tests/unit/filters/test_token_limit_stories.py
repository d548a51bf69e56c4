"""Thousands of stories of concurrent requests on two workers, who get in each other's way between any two accesses to the shared memory.

What was charged in the end is what the service has counted, of every limit; and at no time is more used or reserved than a limit has, but
for what requests have used beyond what they had reserved.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.core.live.board import Board, blank
from fastgw.core.live.holds import Seat, sit_down
from fastgw.core.live.meters import admit
from fastgw.core.live.readings import read
from fastgw.core.live.words import BOARD_BYTES
from fastgw.filters.token_limits import Counted

pytestmark = pytest.mark.no_cover

NOW = 5 * 10**9  #: it does not go on, so nothing comes back: the sums are all there is
#: A key within a team within all.  A token comes back in a second, so no number is rounded.
LEVELS = {("key",): 100, ("label:team",): 150, ("filter",): 200}
TEAMS = {"a": "x", "b": "x", "c": "y"}


class Racing(Board):
    """Before a word is swapped, somebody else may be faster."""

    faster: Callable[[], None] | None = None

    def compare_and_swap(self, cell: int, old: int, new: int) -> bool:
        if self.faster is not None:
            self.faster()
        return super().compare_and_swap(cell, old, new)


class Request:
    """One that is to come, is under way, or is over."""

    def __init__(self, chance: random.Random, seat: Seat, most_beyond: int) -> None:
        self.key = chance.choice("abc")
        self.reserved = chance.randint(1, 90)
        self.used = chance.choice((0, self.reserved, chance.randint(0, self.reserved + most_beyond)))
        notes = {"key": self.key, "labels": {"team": TEAMS[self.key]}}
        self.exchange: Any = SimpleNamespace(plane=SimpleNamespace(seat=seat), notes=notes)
        self.tabs: list[Any] | None = None
        self.is_admitted = self.is_over = False

    def step(self, limits: list[Counted]) -> None:
        """Come, or end."""
        if self.tabs is None:
            self.tabs = [one.tab(self.exchange, lambda: NOW, self.reserved) for one in limits]
            self.is_admitted = not admit(self.tabs)
            self.is_over = not self.is_admitted
        elif self.is_admitted and not self.is_over:
            settled = {"total_tokens": self.used}
            for one, tab in zip(limits, self.tabs, strict=True):
                one.settle(tab, settled)
            self.is_over = True

    @property
    def takes(self) -> int:
        """How much of its limits it has."""
        return 0 if not self.is_admitted else self.used if self.is_over else self.reserved


class Story:
    """Some requests, in any order, on boards that share their memory; each story has filters, and so buckets, of its own."""

    def __init__(self, number: int, seats: list[Seat]) -> None:
        self.chance = chance = random.Random(number)
        most_beyond = 40 if number % 2 else 0
        self.limits = [
            Counted(
                f"limit{number}", place, {"rate": (86400, 86400), "burst": burst, "per": per, "unit": "tokens"}, None
            )
            for place, (per, burst) in enumerate(LEVELS.items(), 1)
        ]
        self.requests = [Request(chance, chance.choice(seats), most_beyond) for _ in range(chance.randint(4, 9))]
        self.busy: list[Request] = []
        for seat in seats:
            seat.board.faster = self.interfere  # type: ignore[attr-defined]
        self.seats = seats

    def interfere(self) -> None:
        """Another request takes a whole step in the middle of one; at most two are inside of each other."""
        others = [one for one in self.requests if one not in self.busy and not one.is_over]
        if others and len(self.busy) < 3 and self.chance.random() < 0.2:
            self.step(self.chance.choice(others))

    def step(self, request: Request) -> None:
        self.busy.append(request)
        request.step(self.limits)
        self.busy.remove(request)

    def run(self) -> None:
        while left := [one for one in self.requests if not one.is_over]:
            self.step(self.chance.choice(left))
            self.check()
        for one, group in self.groups():
            exchange = group[0].exchange
            seen = read(exchange.plane.seat.board, one.kind.table, one.kind.keys.of(exchange), lambda: NOW)
            charged = max(0, seen.value - NOW) // 10**9
            assert charged == sum(each.used for each in group if each.is_admitted), one.level
        for seat in self.seats:
            seat.board.faster = None  # type: ignore[attr-defined]

    def check(self) -> None:
        """Nothing is exceeded by more than what was used beyond a reservation."""
        for one, group in self.groups():
            beyond = sum(max(0, each.used - each.reserved) for each in group if each.is_admitted and each.is_over)
            assert sum(each.takes for each in group) <= one.burst + beyond, one.level

    def groups(self) -> Iterator[tuple[Counted, list[Request]]]:
        """The requests of each bucket."""
        for one in self.limits:
            found: dict[int, list[Request]] = {}
            for each in self.requests:
                found.setdefault(one.kind.keys.of(each.exchange), []).append(each)
            for group in found.values():
                yield one, group


@pytest.fixture
def seats() -> Iterator[list[Seat]]:
    fd = os.memfd_create("board")
    os.ftruncate(fd, BOARD_BYTES)
    os.pwrite(fd, blank(bytes(16)), 0)
    found = [sit_down(Racing(fd)) for _ in range(2)]
    yield found
    for seat in found:
        seat.board.close()
    os.close(fd)


def run(numbers: range, seats: list[Seat]) -> None:
    admitted = refused = 0
    for number in numbers:
        story = Story(number, seats)
        story.run()
        admitted += sum(one.is_admitted for one in story.requests)
        refused += sum(not one.is_admitted for one in story.requests)
    assert admitted > len(numbers) and refused > len(numbers)


def test_what_is_charged_is_what_was_used_and_nothing_is_exceeded(seats: list[Seat]) -> None:
    run(range(300), seats)


@pytest.mark.long
def test_ten_thousand_of_them(seats: list[Seat]) -> None:
    run(range(300, 10_300), seats)
