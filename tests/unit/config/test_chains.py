"""How the chains of three levels become one."""

from __future__ import annotations

from pathlib import Path

from fastgw.config.chains import GLOBAL, LISTENER, ROUTE, Link, links, named
from tests.unit.config.files import problems, read

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
