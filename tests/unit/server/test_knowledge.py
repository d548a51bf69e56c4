"""What workers are told beside the configuration, all of them, and those that come later too."""

from __future__ import annotations

import pytest

from fastgw.core.live.news import Answer, KeySet
from fastgw.core.settings import KeySetSettings, Url
from fastgw.server.gateway import Gateway
from fastgw.server.messages import Endpoints, Fetched, Prepare, Tail
from tests.unit.server.conftest import Place


def test_every_worker_learns_where_names_lead_also_one_that_comes_later(gateway: Gateway, places: list[Place]) -> None:
    plan = gateway.plan(gateway.load())
    gateway.adopt(plan)
    gateway.prepare(places[0], plan)
    places[0].told()
    answer = Answer(("10.0.0.1",))
    gateway.knowledge.learn("a.test", answer)
    assert places[0].told() == [Endpoints({"a.test": answer})]
    assert places[1].told() == []  # it could do nothing with it yet
    gateway.prepare(places[1], plan)
    prepare, endpoints = places[1].told()
    assert isinstance(prepare, Prepare)
    assert endpoints == Endpoints({"a.test": answer})


def test_every_worker_learns_the_keys_also_one_that_comes_later(gateway: Gateway, places: list[Place]) -> None:
    plan = gateway.plan(gateway.load())
    gateway.adopt(plan)
    gateway.prepare(places[0], plan)
    places[0].told()
    where, news = KeySetSettings(Url(True, "a.test", 443, "/"), 1.0, 1.0, 1.0), KeySet((("a", "{}", ()),), 9.0)
    gateway.knowledge.learn_keys(where, news)
    gateway.prepare(places[1], plan)
    assert places[0].told() == places[1].told()[1:] == [Fetched({where: news})]


def test_a_worker_that_comes_while_somebody_watches_tells_too(gateway: Gateway, places: list[Place]) -> None:
    plan = gateway.plan(gateway.load())
    gateway.adopt(plan)
    gateway.prepare(places[0], plan)
    places[0].told()
    gateway.knowledge.tail.begin()
    gateway.prepare(places[1], plan)
    assert places[0].told() == places[1].told()[1:] == [Tail(True, 1.0)]
    gateway.knowledge.tail.end()
    assert places[0].told() == [Tail(False)]


def test_members_are_looked_for_when_something_changes_and_not_when_asked(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.adopt(gateway.plan(gateway.load()))
    before = gateway.knowledge.places
    assert before
    with monkeypatch.context() as patch:
        patch.setattr("fastgw.server.knowledge.places_of", lambda *_: 1 / 0)
        assert gateway.knowledge.places is before  # reports of failing members ask for them by the thousand
    gateway.knowledge.learn("a.test", Answer(("127.0.0.1",)))
    assert gateway.knowledge.places == before and gateway.knowledge.places is not before
