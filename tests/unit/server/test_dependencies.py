"""What a gateway depends on, in one list: its state, and by what it goes on."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.core import bridge_counters
from fastgw.server.dependencies import dependencies, dependency_document
from fastgw.telemetry.totals import (
    DependencyFacts,
    ExportFacts,
    Facts,
    KeySetFacts,
    LinkFacts,
    NameFacts,
    RegistrationFacts,
    SourceFacts,
)

LEASED = "what is leased, then as when_gone says"
LATELY = {"filter": 5.0, "broker": 5.0, "judged": 5.0}  #: the last time of each kind
NOTHING: dict[tuple[str, ...], Any] = {}
SOURCE = SourceFacts("a", "etcd", "etcd http://e /a", "listed", 3, 50.0, 1, 1, 0, (), (), 40.0, None)
REGISTRY = RegistrationFacts("etcd", "etcd http://e /", "registered", 2, 2, (), 0.5, 0, 0)
EXPORT = ExportFacts("http://c", True, 0.0, {}, {("traces", "expired"): 7}, 10, 100, age=2.0)
FLEET: dict[str, Any] = {
    "etcd": "etcd http://e",
    "key": "/edge",
    "generation": 7,
    "contact_age": 3.0,
    "error": None,
}


def facts(**told: Any) -> Facts:
    return Facts("1", False, 1, 1.0, False, {}, True, 0.0, **told)


def episodes(**kinds: dict[tuple[str, ...], int]) -> Any:
    """Failures of the last minute, by kind and what stands behind it."""
    found = {
        kind: {key: SimpleNamespace(count=count, last=LATELY[kind]) for key, count in told.items()}
        for kind, told in kinds.items()
    }
    return SimpleNamespace(of=lambda kind: found.get(kind, NOTHING))


def one(spec: Any = None, fleet: Any = None, lately: Any = None, opened: int = 0, **told: Any) -> DependencyFacts:
    """The only one that there is."""
    slab = [0] * (bridge_counters.CONNECTIONS_OPEN + 1)
    slab[bridge_counters.CONNECTIONS_OPEN] = opened
    [found] = dependencies(facts(**told), fleet, spec, lately or episodes(), [slab])
    return found


@pytest.mark.parametrize(
    ("told", "state", "age", "goes_on"),
    [
        ({"sources": [SOURCE]}, "connected", 0.0, "3 members"),
        # it was told nothing for 50 s because nothing had changed: what it knows was true until it failed
        ({"sources": [replace(SOURCE, state="failing", cause="refused")]}, "failing", 40.0, "3 members"),
        ({"sources": [replace(SOURCE, state="failing", is_recalled=True)]}, "failing", 50.0, "3 members"),
        ({"sources": [replace(SOURCE, state="doubted")]}, "doubted", 50.0, "3 members"),
        (
            {"sources": [replace(SOURCE, state="pending", members=None, age=None)]},
            "pending",
            None,
            "nobody was listed yet",
        ),
        ({"names": [NameFacts("n", ("::1",), 4.0, 1, 0)]}, "connected", 4.0, "1 address"),
        ({"names": [NameFacts("n", ("::1", "::2"), 9.0, 1, 1, "silent", "no")]}, "failing", 9.0, "2 addresses"),
        ({"names": [NameFacts("n", (), None, 0, 0)]}, "pending", None, "0 addresses"),
        ({"key_sets": [KeySetFacts("u", 2, 5.0, 1, 0)]}, "connected", 5.0, "2 keys"),
        ({"key_sets": [KeySetFacts("u", 2, 5.0, 1, 1, "refused")]}, "failing", 5.0, "2 keys"),
        (
            {"key_sets": [KeySetFacts("u", 0, 5.0, 1, 1, "refused")]},
            "failing",
            5.0,
            "no key: those of before are too old",
        ),
        ({"key_sets": [KeySetFacts("u", 0, None, 1, 0, "pending")]}, "pending", None, "0 keys"),
        (
            {"links": [LinkFacts("r", True, 1.0, {}, 0, {}, age=0.0)]},
            "connected",
            0.0,
            "limits of all gateways together",
        ),
        ({"links": [LinkFacts("r", False, 1.0, {}, 0, {}, "timeout", age=8.0)]}, "failing", 8.0, LEASED),
        ({"links": [LinkFacts("r", False, 0.0, {}, 0, {}, "pending")]}, "pending", None, LEASED),
        ({"registrations": [REGISTRY]}, "connected", 0.5, "2 of 2 members there"),
        ({"registrations": [replace(REGISTRY, state="failing", there=0)]}, "failing", 0.5, "0 of 2 members there"),
        ({"export": EXPORT}, "connected", 2.0, "10 of 100 bytes wait, 7 dropped"),
        ({"export": replace(EXPORT, is_up=False, dropped={})}, "failing", 2.0, "10 of 100 bytes wait"),
        ({"export": replace(EXPORT, age=None, dropped={})}, "quiet", None, "10 of 100 bytes wait"),
        ({"fleet": FLEET}, "connected", 0.0, "generation 7"),
        ({"fleet": FLEET | {"error": "gone", "generation": None}}, "failing", 3.0, "what it has"),
    ],
)
def test_each_has_a_state_an_age_and_what_is_used(told: Any, state: str, age: float | None, goes_on: str) -> None:
    found = one(**told)
    assert (found.state, found.age, found.goes_on) == (state, age, goes_on)


def test_a_source_of_several_services_is_one_and_what_fails_comes_first() -> None:
    failing = replace(SOURCE, place="etcd http://f /b", state="failing")
    found = dependencies(facts(sources=[SOURCE, replace(SOURCE, service="b"), failing]), None, None, episodes(), [])
    assert [(one.name, one.state) for one in found] == [
        ("etcd http://f /b", "failing"),
        ("etcd http://e /a", "connected"),
    ]


def spec(*, filters: Any = (), brokers: Any = ()) -> Any:
    routes = [
        SimpleNamespace(adapter=None if one is None else SimpleNamespace(brokers=one)) for one in (None, *brokers)
    ]
    return SimpleNamespace(filters=filters, routes=routes, mqtt=[])


@pytest.mark.parametrize(
    ("made_by", "kind"),
    [("oauth2_introspection:OAuth2Introspection", "introspection"), ("ext_authz:ExtAuthz", "ext_authz")],
)
def test_a_judge_is_known_by_the_requests_that_failed(made_by: str, kind: str) -> None:
    options = (("url", "http://j/"),)
    filters = [
        SimpleNamespace(name="judge", made_by=f"fastgw.filters.{made_by}", options=options),
        SimpleNamespace(name="other", made_by="fastgw.filters.cors:Cors", options=()),
    ]
    quiet = one(spec(filters=filters))
    assert (quiet.kind, quiet.name, quiet.state, quiet.cause) == (kind, "http://j/", "quiet", "")
    lately = episodes(filter={("judge", "timeout"): 5, ("judge", "unavailable"): 1, ("other", "error"): 9})
    failing = one(spec(filters=filters), lately=lately)
    assert (failing.state, failing.cause, failing.detail) == (
        "failing",
        "timeout",
        "6 requests failed: the log says why",
    )


def test_an_authority_that_has_judged_since_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    made_by = "fastgw.filters.oauth2_introspection:OAuth2Introspection"
    judges = [SimpleNamespace(name=name, made_by=made_by, options=(("url", f"http://{name}/"),)) for name in "ab"]
    lately = episodes(filter={("a", "timeout"): 5}, judged={(): 3})
    assert one(spec(filters=judges[:1]), lately=lately).state == "failing"  # nobody knows which was first
    monkeypatch.setitem(LATELY, "judged", 6.0)
    lately = episodes(filter={("a", "timeout"): 5}, judged={(): 3})
    assert one(spec(filters=judges[:1]), lately=lately).state == "connected"
    both = dependencies(facts(), None, spec(filters=judges), lately, [])
    assert [each.state for each in both] == ["failing", "quiet"]  # nor which of two has judged


def test_a_broker_is_known_by_its_connections() -> None:
    lately = episodes(broker={("unreachable",): 3, ("lost",): 1})
    broken = spec(brokers=[("mqtt://b", "mqtt://c")])
    assert (one(broken).name, one(broken).state) == ("mqtt://b, mqtt://c", "quiet")
    found = one(broken, lately=lately)
    assert (found.state, found.cause, found.detail) == ("failing", "unreachable", "4 connections failed or ended")
    assert one(broken, lately=lately, opened=2).state == "connected"  # it is back
    two = dependencies(facts(), None, spec(brokers=[("mqtt://b",), ("mqtt://c",)]), lately, [])
    assert {each.detail for each in two} == {"4 connections of any of these brokers failed or ended"}


def test_the_document() -> None:
    found = dependency_document(DependencyFacts("keys", "u", "failing", 5.04, "2 keys", "refused", "no"))
    told = {"kind": "keys", "name": "u", "state": "failing", "age": 5.0, "goes_on": "2 keys"}
    assert found == told | {"cause": "refused", "error": "no"}
    assert dependency_document(DependencyFacts("mqtt", "b", "quiet", None, ""))["age"] is None
