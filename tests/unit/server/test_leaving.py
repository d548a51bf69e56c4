"""Configurations that are not used any more, freed in slices."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from itertools import pairwise

import pytest

from fastgw.core.snapshot.snapshot import Listener, Route, Snapshot
from fastgw.routing import Router, Rule
from fastgw.server.leaving import AT_ONCE, Leaving
from fastgw.server.slices import PAUSE, SLICE
from fastgw.testing import usual
from fastgw.testing.edge import Edge


@pytest.fixture(autouse=True)
def _without_the_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Methods(frozenset[str]):
    """Those of a rule, which can be seen to go with it."""


class Clock:
    """A third of a slice passes between two looks at it."""

    now = 0.0

    def __call__(self) -> float:
        self.now += SLICE / 3
        return self.now


def large(edge: Edge, count: int) -> tuple[Snapshot, list[weakref.ref[frozenset[str]]]]:
    kinds = ("/{n}", "/{n}/*", "/{n}/{{id}}/x")
    paths = [kinds[n % 3].format(n=n) for n in range(count)]
    rules: list[Rule[Route]] = [
        Rule(f"r{n}", path, "", Methods(), (), usual.route(f"r{n}", n)) for n, path in enumerate(paths)
    ]
    listener = usual.listener("edge", Router(rules), edge.fallback)
    return Snapshot(2, {"edge": listener}), [weakref.ref(one.methods) for one in rules]


def left(parts: list[weakref.ref[frozenset[str]]]) -> int:
    return sum(one() is not None for one in parts)


def test_parts_go_in_slices_when_nobody_holds_the_whole() -> None:
    edge = Edge()
    found = Leaving(edge.loop, Clock())
    snapshot, parts = large(edge, 900)
    held: Listener = snapshot.listeners["edge"]  # by the exchange of a client
    found.let_go(snapshot, None)
    del snapshot
    edge.loop.advance(1.0)
    assert left(parts) == 900
    del held
    assert left(parts) == 900  # not now
    counts = []
    while left(parts):
        edge.loop.advance(PAUSE)
        counts.append(left(parts))
    steps = [before - after for before, after in pairwise([900, *counts])]
    assert len(counts) > 5 and max(steps) <= 3 * AT_ONCE


def test_nothing_is_left_in_the_end() -> None:
    edge = Edge()
    found = Leaving(edge.loop, Clock())
    snapshot, parts = large(edge, 600)
    found.let_go(snapshot, None)
    del snapshot
    edge.loop.advance(60.0)
    assert left(parts) == 0 and not found._parts and found._timer is None


def test_the_end_of_the_worker_frees_all() -> None:
    edge = Edge()
    found = Leaving(edge.loop, Clock())
    snapshot, parts = large(edge, 900)
    found.let_go(snapshot, None)
    del snapshot
    edge.loop.advance(PAUSE)
    assert len(found._parts) > 0
    found.close()
    edge.loop.advance(60.0)
    assert left(parts) == 0
