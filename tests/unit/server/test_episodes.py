"""Since when counters of trouble grow."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fastgw.core import bridge_counters, labels
from fastgw.core import counters as layout
from fastgw.filters.bearer import ASKED
from fastgw.server.episodes import EVERY, JUDGED, QUIET, Episodes
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


def test_who_is_asked_for_requests_is_told_of_by_filter_and_brokers_together(
    serving: Gateway, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = serving.workers[0].slab.values
    plan = serving.plan_in_use
    judge = SimpleNamespace(name="judge", made_by="fastgw.filters.ext_authz:ExtAuthz")
    monkeypatch.setitem(plan.slots.filters, "judge", 3)
    monkeypatch.setattr(plan, "spec", plan.spec._replace(filters=(judge, SimpleNamespace(name="x", made_by="y"))))
    episodes = Episodes(serving, clock)
    episodes.look()
    values[layout.FILTER.base(3) + layout.FILTER_FAILURES + labels.FILTER_CAUSES.index("timeout")] += 2
    values[bridge_counters.FAILURES + bridge_counters.CAUSES.index("lost")] += 1
    episodes.look()
    assert {key: one.count for key, one in episodes.of("filter").items()} == {("judge", "timeout"): 2}
    assert {key: one.count for key, one in episodes.of("broker").items()} == {("lost",): 1}
    judge.made_by = "fastgw.filters.oauth2_introspection:OAuth2Introspection"
    episodes.look()
    values[layout.ROUTE.base(next(iter(plan.slots.routes.values()))) + layout.ROUTE_TOKENS_ACCEPTED + ASKED] += 4
    episodes.look()
    assert episodes.of("judged")[()].count == 4 and JUDGED == ASKED
