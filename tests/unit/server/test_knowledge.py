"""What workers are told beside the configuration, all of them, and those that come later too."""

from __future__ import annotations

import pytest

from fastgw.config.spec import EndpointSpec
from fastgw.core.live.news import HEALTH, USED, Answer, Finding, KeySet, Standing
from fastgw.core.settings import Address, KeySetSettings, Url
from fastgw.server.findings import places_of
from fastgw.server.gateway import Gateway
from fastgw.server.messages import Endpoints, Expecting, Fetched, Prepare, Tail
from tests.unit.server.conftest import TEXT, Place, planned


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


def test_every_worker_learns_what_is_expected_and_to_one_that_comes_later_it_is_no_news(
    gateway: Gateway, places: list[Place]
) -> None:
    plan = gateway.plan(gateway.load())
    gateway.adopt(plan)
    gateway.prepare(places[0], plan)
    places[0].told()
    gateway.knowledge.learn_expected({"a": 3.5}, 2, frozenset({"a"}))
    gateway.prepare(places[1], plan)
    assert places[0].told() == [Expecting({"a": 3.5}, 2, frozenset({"a"}))]
    assert places[1].told()[1:] == [Expecting({"a": 3.5}, 2)]


def test_every_worker_learns_which_models_members_have(gateway: Gateway, places: list[Place]) -> None:
    lists = {"a:1": ("m",)}
    gateway.knowledge.learn_models("a", {"a:1": (("m",), 1.0)})
    gateway.knowledge.learn_models("a", {"a:1": (("m",), 2.0)})  # as before: nobody need be told
    assert gateway.knowledge.models == {"a": lists}


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


LISTS = TEXT.replace(
    "services:", "services:\n  x: {discovery: {file: {path: /x.yaml}}}\n  y: {discovery: {file: {path: /y.yaml}}}"
)
MEMBERS = [EndpointSpec(Address("10.0.0.1", port), 1) for port in range(1, 5)]


def test_a_list_changes_the_places_of_its_service_alone(gateway: Gateway, places: list[Place]) -> None:
    plan = planned(gateway, LISTS)
    gateway.adopt(plan)
    knowledge = gateway.knowledge
    for lists in (
        {"x": tuple(MEMBERS[:2]), "y": tuple(MEMBERS[2:])},
        {"x": tuple(MEMBERS[1:3])},
        {"x": (), "y": tuple(MEMBERS)},
    ):
        knowledge.learn_lists(lists)
        assert knowledge.places == places_of(plan.spec.services, {})
        assert set(plan.slots.endpoints) == set(gateway.tables.plan_endpoints(plan.spec))
        assert plan.slots.endpoints == gateway.tables.plan_endpoints(plan.spec)
    assert ("y", "10.0.0.1:4") in knowledge.places and ("x", "10.0.0.1:2") not in knowledge.places


def test_what_was_found_of_who_leaves_a_list_is_forgotten(gateway: Gateway, places: list[Place]) -> None:
    gateway.adopt(planned(gateway, LISTS))
    knowledge = gateway.knowledge
    knowledge.learn_lists({"x": tuple(MEMBERS)})
    names = [f"10.0.0.1:{port}" for port in range(1, 5)]
    knowledge.standings.learn(0, [Standing("x", name, name, USED) for name in names])
    knowledge.learn_health([Finding("x", name, name, False, kind=HEALTH) for name in names])
    knowledge.learn_lists({"x": tuple(MEMBERS[2:])})
    assert [found.endpoint for found in knowledge.findings.now] == names[2:]
    assert knowledge.standings.of("x", names[0], [names[0]])[names[0]]["used_by"] == 0
