"""When a worker collects garbage, and what is told of it."""

from __future__ import annotations

import functools
import gc
from collections.abc import Iterator

import pytest

from fastgw.core import counters
from fastgw.server import collecting
from fastgw.server.collecting import Collecting
from fastgw.testing.edge import Edge


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    threshold, was_enabled = gc.get_threshold(), gc.isenabled()
    yield
    gc.freeze()  # as ``tests.conftest`` has it: what it unfroze is all that there is
    gc.set_threshold(*threshold)
    (gc.enable if was_enabled else gc.disable)()


@pytest.fixture
def edge() -> Edge:
    return Edge()


@pytest.fixture
def settled(edge: Edge) -> Iterator[Collecting]:
    gc.disable()
    found = Collecting(edge.plane)
    found.settle()
    yield found
    found.close()


@pytest.mark.usefixtures("settled")
def test_only_what_is_young_is_collected_by_itself() -> None:
    assert gc.isenabled() and gc.get_freeze_count() > 0
    assert gc.get_threshold() == (collecting.YOUNG, 1000, 1000)


@pytest.mark.usefixtures("settled")
def test_full_collection_waits_until_nothing_is_under_way(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    collected: list[bool] = []
    monkeypatch.setattr(collecting.gc, "collect", lambda: collected.append(True))
    edge.values[counters.EXCHANGES_OPEN] = 1
    edge.loop.advance(collecting.FULL_EVERY + 1)
    assert collected == []
    edge.values[counters.EXCHANGES_OPEN] = 0
    edge.loop.advance(collecting.FULL_EVERY + 1)
    assert collected == [True]


@pytest.mark.usefixtures("settled")
def test_behind_a_reload_it_does_not_wait(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    collected: list[bool] = []
    monkeypatch.setattr(collecting.gc, "collect", lambda: collected.append(True))
    edge.values[counters.EXCHANGES_OPEN] = 1
    edge.install(edge.listen())
    edge.loop.advance(collecting.FULL_EVERY + 1)
    assert collected == [True]
    edge.loop.advance(collecting.FULL_EVERY + 1)
    assert collected == [True]  # once


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    done: list[str] = []
    for name in ("freeze", "unfreeze", "collect"):
        monkeypatch.setattr(collecting.gc, name, functools.partial(done.append, name))
    return done


def test_a_large_configuration_is_frozen(
    edge: Edge, settled: Collecting, frozen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settled.keep(edge.plane.snapshot)
    assert frozen == []  # a small one is not: what it has of cycles goes with the next full collection
    monkeypatch.setattr(collecting, "LARGE", 1)
    settled.keep(edge.plane.snapshot)
    assert frozen == ["freeze"]


def test_cycles_that_were_frozen_are_looked_for_when_nobody_is_connected(
    edge: Edge, frozen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "LARGE", 1)
    monkeypatch.setattr(collecting, "FULL_EVERY", 1.0)
    found = Collecting(edge.plane)
    found.settle()
    frozen.clear()
    client = edge.client()
    found.keep(edge.plane.snapshot)
    edge.loop.advance(1.1)
    assert frozen == ["freeze", "collect"]  # of what came since
    client.lose()
    edge.loop.advance(1.1)
    assert frozen[2:] == ["unfreeze", "collect", "freeze"]
    edge.loop.advance(1.1)
    assert frozen[5:] == ["collect"]  # once
    found.close()


def test_each_collection_is_counted_with_its_pause(edge: Edge, settled: Collecting) -> None:
    gc.disable()
    moments = iter((1.0, 1.003, 5.0, 5.0))
    edge.plane.clock = lambda: next(moments)
    gc.collect(0)
    gc.collect(2)
    assert [edge.values[counters.GC_COLLECTIONS + one] for one in range(3)] == [1, 0, 1]
    assert edge.values[counters.GC_PAUSE_US] == pytest.approx(3000, abs=1)
    assert sum(edge.values[counters.GC_PAUSE_US + 1 : counters.GC_PAUSE_US + counters.HISTOGRAM_SIZE]) == 2
    settled.close()
    gc.collect()
    assert edge.values[counters.GC_COLLECTIONS + 2] == 1
