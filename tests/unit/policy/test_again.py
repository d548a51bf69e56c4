"""Picking another member of many."""

from __future__ import annotations

import itertools

from fastgw.core.exchange import tries
from fastgw.policy.again import DRAWS, MANY, another
from fastgw.policy.balancers import RoundRobin


class Member:
    weight = 1
    in_hand = 0


def test_one_that_was_not_asked_is_taken_from_all_that_are_ready() -> None:
    ready = tuple(Member() for _ in range(MANY))
    seen = []
    turns = itertools.cycle(ready)

    def pick(candidates: object) -> Member:
        seen.append(candidates)
        return next(turns)

    assert another(ready, (ready[0], ready[1]), pick) is ready[2]
    assert all(one is ready for one in seen) and len(seen) == 3  # a balancer knows it again


def test_a_balancer_that_insists_is_not_asked_for_ever() -> None:
    ready = tuple(Member() for _ in range(MANY))
    asked = []
    assert another(ready, ready[:1], lambda candidates: asked.append(1) or ready[0]) is None
    assert len(asked) == DRAWS


def test_turns_go_on_behind_it() -> None:
    ready = tuple(Member() for _ in range(MANY))
    balancer = RoundRobin()
    first = balancer.pick(ready)
    assert first is ready[0] and another(ready, (first,), balancer.pick) is ready[1]
    assert balancer.pick(ready) is ready[2]


def test_who_asks_has_the_same_bound() -> None:
    assert tries.MANY == MANY
