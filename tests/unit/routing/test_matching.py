"""Hosts to tables, and tables to payloads, without a router around them (what they say of requests: ``test_router``)."""

from __future__ import annotations

import pytest

from fastgw.routing.matching import Matcher
from fastgw.routing.trie import PathTable
from tests.unit.routing.tables import nothing, reader, rule


def table(*paths: tuple[tuple[bytes | None, ...], bool, str]) -> PathTable:
    made = PathTable()
    for segments, is_prefix, path in paths:
        made.add((segments, is_prefix), [rule(path, path)])
    return made


EXACT = table(((b"a",), False, "/a"))
DEEP = table(((b"v1", None), False, "/v1/{x}"), ((), True, "/*"))


def test_without_hosts_the_host_is_not_looked_at() -> None:
    matcher = Matcher({"": (EXACT,)})
    assert not matcher.has_hosts
    assert matcher.cascade(b"whatever") is matcher.cascade(b"")
    assert matcher.match(b"whatever", b"GET", b"/a", nothing) == "/a"
    assert matcher.match(b"", b"GET", b"/b", nothing) is None


@pytest.mark.parametrize(
    ("host", "cascade"),
    [
        (b"api.example", (EXACT, DEEP)),
        (b"API.example", (EXACT, DEEP)),
        (b"a.edge.example", (DEEP, EXACT)),
        (b"a.b.EDGE.example", (DEEP, EXACT)),
        (b".edge.example", (EXACT,)),
        (b"edge.example", (EXACT,)),
        (b"", (EXACT,)),
    ],
)
def test_cascade_of_a_host(host: bytes, cascade: tuple[PathTable, ...]) -> None:
    matcher = Matcher({"": (EXACT,), "api.example": (EXACT, DEEP), "*.edge.example": (DEEP, EXACT)})
    assert matcher.cascade(host) == cascade


def test_next_table_is_asked_when_the_first_has_nothing() -> None:
    matcher = Matcher({"": (DEEP,), "api.example": (EXACT, DEEP)})
    assert matcher.match(b"api.example", b"GET", b"/a", nothing) == "/a"
    assert matcher.match(b"api.example", b"GET", b"/v1/m", nothing) == "/v1/{x}"
    assert matcher.match(b"api.example", b"GET", b"/v2/m", nothing) == "/*"


def test_exact_path_whose_conditions_fail_leaves_the_trie_to_be_asked() -> None:
    both = table(((), True, "/*"))
    both.add(((b"a",), False), [rule("/a", "/a", headers={"x-canary": "1"})])
    matcher = Matcher({"": (both,)})
    assert matcher.match(b"", b"GET", b"/a", nothing) == "/*"
    assert matcher.match(b"", b"GET", b"/a", reader({"x-canary": "1"})) == "/a"
