"""Since when counters of trouble grow."""

from __future__ import annotations

import pytest

from fastgw.core import counters as layout
from fastgw.core import labels
from fastgw.server.episodes import EVERY, QUIET, Episodes
from fastgw.server.gateway import Gateway
from tests.unit.server.status_stage import _closed, gateway, serving

__all__ = ["_closed", "gateway", "serving"]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_an_episode_begins_with_the_first_and_ends_when_nothing_comes(serving: Gateway, clock: Clock) -> None:
    values = serving.workers[0].slab.values
    values[layout.ACCEPT_FAILURES] = 5  # of before
    episodes = Episodes(serving, clock)
    episodes.look()
    assert episodes.of("accept") == {}
    values[layout.ACCEPT_FAILURES] += 2
    serving.workers[1].slab.values[layout.ACCEPT_FAILURES] += 1
    clock.now += EVERY
    episodes.tick()
    found = episodes.of("accept")[()]
    assert (found.began, found.count) == (1005.0, 3)
    values[layout.ACCEPT_FAILURES] += 1
    clock.now += QUIET - 1
    episodes.look()
    assert (episodes.of("accept")[()].began, found.count) == (1005.0, 4)
    clock.now += QUIET
    episodes.look()
    assert episodes.of("accept") == {}


def test_it_looks_now_and_then(serving: Gateway, clock: Clock) -> None:
    episodes = Episodes(serving, clock)
    episodes.tick()
    serving.workers[0].slab.values[layout.BOARD_FULL] += 1
    clock.now += EVERY / 2
    episodes.tick()
    assert episodes.of("board_full") == {}
    clock.now += EVERY / 2
    episodes.tick()
    assert [*episodes.of("board_full")] == [()]


def test_an_endpoint_says_why_it_failed_lately(serving: Gateway, clock: Clock) -> None:
    values = serving.workers[0].slab.values
    name = next(iter(serving.knowledge.places))
    base = layout.ENDPOINT.base(serving.plan_in_use.slots.endpoints[name]) + layout.ENDPOINT_CAUSES
    refused, late = (base + labels.CAUSES.index(cause) for cause in ("connect_refused", "answer_timeout"))
    values[refused] = 100
    episodes = Episodes(serving, clock)
    episodes.look()
    values[refused] += 1
    values[late] += 3
    clock.now += 1
    episodes.look()
    found = episodes.of("failed")[name]
    assert found.count == 4
    assert found.causes.most_common(2) == [("answer_timeout", 3), ("connect_refused", 1)]


def test_workers_that_die_are_an_episode(serving: Gateway, clock: Clock) -> None:
    episodes = Episodes(serving, clock)
    episodes.look()
    serving.workers[1].restarts += 2
    serving.workers[0].stalls += 1
    episodes.look()
    assert {key: one.count for key, one in episodes.of("death").items()} == {("1",): 2}
    assert [*episodes.of("stall")] == [("0",)]
