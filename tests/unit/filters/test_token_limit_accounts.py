"""What two workers do for clients that leave, services that die, tries that come to nothing and streams that are cut, in any order.

What the services have counted is what the usage log has, what each limit was charged and what is gone from its bucket; and no limit has
ever given more than it has.

Time stands still for the limits, so nothing comes back: the sums are all there is.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from fastgw.core import limit_counters as rows
from fastgw.core.counters import LIMIT
from fastgw.core.live.board import NAMED, Board, blank
from fastgw.core.live.holds import Seat, sit_down
from fastgw.core.live.readings import read
from fastgw.core.live.words import BOARD_BYTES, CHANGE
from fastgw.filters.token_limit import TokenLimit
from fastgw.filters.token_limits import counted_limit
from fastgw.filters.token_rates import limit_text
from fastgw.testing.mock import MockTransport
from tests.support.inference import Metered, asks
from tests.unit.filters.test_shared_limits import no_window
from tests.unit.filters.test_token_limit import OPTIONS, PRICES, said
from tests.unit.filters.test_usage_stories import Counted, Service

pytestmark = pytest.mark.no_cover

NOW = 5 * 10**9
COST, PLACES = 2400, 4  #: what there is
WHOLE, CUT = 400, 150  #: tokens, and where streams are cut; a request has some 40, which cost some 150
SECOND = 10**9
UNITS = ("tokens", "cost")


def body_of(chance: Random) -> bytes:
    """A service of these tests makes up to 8 tokens, so it keeps to what the request allows."""
    most = chance.choice((8, 9, 20))
    text = "w" * chance.randrange(60)
    return orjson.dumps({"model": "m", "max_tokens": most, "stream": True, "messages": text})


class Worker:
    """One of them, with the filters and what it serves."""

    def __init__(self, name: str, folder: Path, seat: Seat, tokens: int, options: dict[str, Any]) -> None:
        folder.mkdir()
        limits = [said(tokens, tokens), said(COST, COST, unit="cost"), said(PLACES, 0, unit="at one time")]
        self.limits = [counted_limit(name, place, dict(one), None, no_window) for place, one in enumerate(limits, 1)]
        self.limit = TokenLimit(name, OPTIONS | {"limits": limits} | options, lambda: NOW)
        texts = [*(limit_text(dict(one)) for one in limits), rows.NOTED]
        self.limit.count_in({(name, text): number for number, text in enumerate(texts)})
        self.metered = Metered(
            folder,
            [self.limit],
            include_usage=True,
            prices=PRICES,
            edge={"endpoints": 2, "seat": seat, "service": {"attempts": 3}},
        )
        self.seat = seat
        self.services: list[Service] = []
        self.clients: list[MockTransport] = []

    def charged(self, place: int) -> int:
        """By the limit in this place, of what is over."""
        return self.metered.edge.values[LIMIT.base(place) + rows.CHARGED]

    def gone(self, place: int) -> int:
        """From the bucket of that, whoever has taken it, for what is over or under way."""
        kind: Any = next(one.kind for one in self.limits if one.unit == UNITS[place])
        exchange: Any = SimpleNamespace(plane=self.metered.edge.plane, notes=None)
        full = read(self.seat.board, kind.table, kind.keys.of(exchange), lambda: NOW).value
        return max(0, full - NOW) // SECOND


class Story:
    """Some requests to two workers, and chance."""

    def __init__(self, seed: int, folder: Path, seats: list[Seat], *, cuts: bool) -> None:
        options = {"ceiling": True, "reserve": "learned", "default_max_tokens": 3} if cuts else {}
        self.chance = Random(seed)
        self.cuts = cuts
        self.tokens = CUT if cuts else WHOLE
        self.workers = [
            Worker(f"limit{seed}", folder / str(place), seat, self.tokens, options) for place, seat in enumerate(seats)
        ]
        self.counted: dict[int, Counted] = {}
        self.asked = 0

    def run(self, steps: int) -> list[dict[str, Any]]:
        for _ in range(steps):
            self.step(self.chance.choice(self.workers))
            self.check()
        for worker in self.workers:
            for client in worker.clients:
                client.lose()
            worker.metered.edge.run()
        self.check()
        return [line for worker in self.workers for line in worker.metered.lines()]

    def step(self, worker: Worker) -> None:
        chance, edge = self.chance, worker.metered.edge
        for _ in edge.attempts:
            if chance.randrange(4):
                worker.services.append(Service(chance, edge.connect(), self.counted))
            else:
                edge.refuse()
        for service in worker.services:
            service.look()
        act = chance.randrange(8)
        if act < 2:
            path = b"/%d/v1/chat/completions" % self.asked
            worker.clients.append(edge.client(asks(body_of(chance), path)))
            self.asked += 1
        elif act == 2 and worker.clients:
            worker.clients.pop(chance.randrange(len(worker.clients))).lose()
        elif act == 3 and worker.services:
            worker.services.pop(chance.randrange(len(worker.services))).side.lose()
        elif worker.services:
            chance.choice(worker.services).step()
        edge.run()
        worker.clients = [one for one in worker.clients if not one.is_closing()]

    def check(self) -> None:
        """Nobody has more than there is, but for what streams have made beyond what was reserved until they were cut."""
        beyond = 8 * PLACES if self.cuts else 0  # tokens, of which each costs 10
        for place, most in enumerate((self.tokens + beyond, COST + 10 * beyond)):
            assert self.workers[0].gone(place) <= most, UNITS[place]


def tell(seed: int, seats: list[Seat], steps: int) -> tuple[int, int, int]:
    """Run one; how many were answered, refused, and cut by a ceiling."""
    cuts = seed % 2 == 1
    with tempfile.TemporaryDirectory() as folder:
        story = Story(seed, Path(folder), seats, cuts=cuts)
        lines = story.run(steps)
    for one in lines:
        counted = story.counted.get(int(one["path"].split("/")[1]), Counted())
        assert one["completion_tokens"] == counted.completion, one
        assert one["prompt_tokens"] == counted.prompt or one["status"] in (499, 502, 503), one
    tokens = sum(one["total_tokens"] for one in lines)
    costs = sum(one["prompt_tokens"] + 10 * one["completion_tokens"] for one in lines)
    for place, used in enumerate((tokens, costs)):
        assert sum(worker.charged(place) for worker in story.workers) == used
        assert story.workers[0].gone(place) == used, UNITS[place]
    assert seats[0].board.used(NAMED, CHANGE) == 0  # places
    cut = sum(worker.metered.edge.values[LIMIT.base(place) + rows.CUT] for worker in story.workers for place in (0, 1))
    refused = sum(one["status"] == 429 for one in lines)
    return sum(one["total_tokens"] > 0 for one in lines), refused, cut


@pytest.fixture
def seats() -> Iterator[list[Seat]]:
    fd = os.memfd_create("board")
    os.ftruncate(fd, BOARD_BYTES)
    os.pwrite(fd, blank(bytes(16)), 0)
    found = [sit_down(Board(fd)) for _ in range(2)]
    yield found
    for seat in found:
        seat.board.close()
    os.close(fd)


def run(seeds: range, seats: list[Seat], steps: int) -> None:
    totals = [sum(column) for column in zip(*(tell(seed, seats, steps) for seed in seeds), strict=True)]
    assert min(totals) > 0, totals


def test_accounts_are_exact(seats: list[Seat]) -> None:
    run(range(10), seats, 150)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(10))
def test_ten_thousand_interleavings_are(seats: list[Seat], part: int) -> None:
    run(range(1000 * part + 1000, 1000 * (part + 1) + 1000), seats, 100)
