"""How the chains of three levels become one."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.chains import BEFORE, GLOBAL, LISTENER, ROUTE, Link, links, named
from tests.unit.config.files import problems, read, with_listener

THREE = """\
chain: [outer, twice]
listeners:
  - {address: 127.0.0.1:18080, filters: [twice, request_id, late]}
  - {address: 127.0.0.1:18081, filters: []}
routes:
  - {path: /*, service: a, filters: [late, inner]}
services:
  a: {endpoints: ["127.0.0.1:19000"]}
filters:
  outer: {type: access_log}
  twice: {type: access_log}
  late: {type: access_log}
  inner: {type: access_log}
"""


def test_global_filters_stand_in_front_of_the_listeners_and_those_in_front_of_the_routes(tmp_path: Path) -> None:
    spec = read(tmp_path, THREE)
    near, far = spec.listeners
    assert links(spec, near, spec.routes[0]) == (
        Link("outer", GLOBAL),
        Link("twice", GLOBAL),
        Link("request_id", LISTENER),
        Link("late", LISTENER),
        Link("inner", ROUTE),
    )
    assert links(spec, far, spec.routes[0])[2:] == (Link("late", ROUTE), Link("inner", ROUTE))


def test_what_no_route_matches_has_the_chains_of_the_others(tmp_path: Path) -> None:
    spec = read(tmp_path, THREE)
    assert [link.name for link in links(spec, spec.listeners[0])] == ["outer", "twice", "request_id", "late"]
    assert [link.name for link in links(spec, spec.listeners[1])] == ["outer", "twice"]


def test_what_runs_before_routing_stands_in_front_of_everything(tmp_path: Path) -> None:
    spec = read(tmp_path, THREE.replace("18080,", "18080, before_routing: [late, twice],"))
    assert links(spec, spec.listeners[0], spec.routes[0]) == (
        Link("late", BEFORE),
        Link("twice", BEFORE),
        Link("outer", GLOBAL),
        Link("request_id", LISTENER),
        Link("inner", ROUTE),
    )
    assert links(spec, spec.listeners[1])[0] == Link("outer", GLOBAL)


LIMIT = "filters:\n  limit: {type: rate_limit, limits: [{rate: 5/s, per: address}, {rate: 9/s, per: route}]}\n"


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (
            "digest",
            [
                "3:22: listeners[0].before_routing[0]: 'digest' cannot stand before routing: a filter of type digest needs a route"
            ],
        ),
        ("nobody", ["3:22: listeners[0].before_routing[0]: no filter named 'nobody'"]),
        (
            "limit",
            [
                (
                    "3:22: listeners[0].before_routing[0]: 'limit' cannot stand before routing: "
                    "it counts per route, which is not known by then; give its limits another per"
                )
            ],
        ),
        ("request_id, access_log, maintenance", []),
        (
            "request_id, request_id",
            ["3:34: listeners[0].before_routing[1]: the filter 'request_id' is in this chain already"],
        ),
    ],
)
def test_before_routing_is_for_those_that_need_no_route(tmp_path: Path, listed: str, expected: list[str]) -> None:
    assert problems(tmp_path, with_listener(f"before_routing: [{listed}]") + LIMIT) == expected


def test_a_limit_of_addresses_may_stand_before_routing(tmp_path: Path) -> None:
    text = with_listener("before_routing: [limit]") + LIMIT.replace("per: route", "per: listener")
    assert problems(tmp_path, text) == []


def test_every_name_of_any_chain(tmp_path: Path) -> None:
    assert sorted(named(read(tmp_path, THREE))) == ["inner", "late", "late", "outer", "request_id", "twice", "twice"]


def test_a_built_in_filter_of_the_global_chain_needs_no_definition(tmp_path: Path) -> None:
    spec = read(tmp_path, THREE.replace("chain: [outer, twice]", "chain: [outer, twice, digest]"))
    assert "digest" in [one.name for one in spec.filters]


def test_what_is_wrong_with_the_global_chain_is_told_with_its_place(tmp_path: Path) -> None:
    assert problems(tmp_path, THREE.replace("chain: [outer, twice]", "chain: [outer, outer, inne]")) == [
        "1:16: chain[1]: the filter 'outer' is in this chain already",
        "1:23: chain[2]: no filter named 'inne'; did you mean 'inner'?",
    ]
