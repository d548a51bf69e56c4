"""Two nodes that share a limit, and requests of any size that reserve, settle and are refused in any order, while questions and answers get
lost: together they never have more than the limit gives, and for each node a block, or the largest of its reservations.

Time stands still, so nothing comes back: the sums are all there is.
"""

from __future__ import annotations

from random import Random

import pytest

from fastgw.core.live.leases import Lease
from tests.support.shared_rate import SECOND, Clock, Elsewhere, Node, nodes

pytestmark = pytest.mark.no_cover

BURST, BLOCK = 50, 10


class Story:
    """One, on nodes that have told others before."""

    def __init__(self, seed: int, both: list[Node], clock: Clock) -> None:
        self.chance = Random(seed)
        self.both = both
        self.elsewhere = Elsewhere(both[0].shared.rate, clock)
        self.most = self.chance.choice((1, BLOCK // 2, BLOCK, 3 * BLOCK, BURST))  #: that a request reserves
        self.under_way: list[tuple[Lease, int]] = []
        self.used = self.refused = 0
        for node in both:
            node.wanted.clear()

    def run(self) -> int:
        """How many were refused."""
        for _ in range(self.chance.randint(20, 60)):
            self.step(self.chance.choice(self.both))
            given = self.used + sum(reserved for _, reserved in self.under_way)
            assert given <= BURST + len(self.both) * max(2 * BLOCK, BLOCK + self.most)
        for lease, _ in self.under_way:
            lease.settle(0)
        return self.refused

    def step(self, node: Node) -> None:
        act = self.chance.random()
        if act < 0.5:
            reserved = self.chance.randint(1, self.most)
            lease = node.request(reserved, reserved)
            if lease is None:
                self.refused += 1
            else:
                self.under_way.append((lease, reserved))
        elif act < 0.75 and self.under_way:
            lease, reserved = self.under_way.pop(self.chance.randrange(len(self.under_way)))
            used = self.chance.choice((0, reserved, self.chance.randint(0, reserved)))
            lease.settle(used)
            self.used += used
        elif node.wanted:
            asking = node.asking()
            if self.chance.random() < 0.15:
                asking.failed()
                return
            question = asking.question()
            grant = self.elsewhere.answer(question)
            if self.chance.random() < 0.1:
                asking.failed()  # the answer is lost
            else:
                asking.answered(question, grant, 0.5)


def run(seeds: range) -> None:
    clock = Clock()
    with nodes(2, clock, rate=1, burst=BURST, block=BLOCK) as both:
        refused = 0
        for seed in seeds:
            clock.now += 400 * SECOND  # all is full, and nothing held
            refused += Story(seed, both, clock).run()
    assert refused > len(seeds)


def run_in_windows(seeds: range) -> None:
    clock, refused = Clock(), 0
    for seed in seeds:
        with nodes(2, clock, burst=BURST, block=BLOCK, window=3600) as both:
            refused += Story(seed, both, clock).run()
    assert refused > len(seeds)


def test_nobody_has_more_than_the_bound() -> None:
    run(range(300))


def test_nor_in_a_window_of_the_calendar() -> None:
    run_in_windows(range(100))


@pytest.mark.long
def test_nor_in_ten_thousand_stories() -> None:
    run(range(300, 10_300))
    run_in_windows(range(300, 2_300))
