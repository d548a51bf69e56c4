"""The paths of one host: siblings, backtracking, and the bound of the work."""

from __future__ import annotations

from itertools import product

import pytest

import fastgw
from fastgw.routing.pattern import parse_path
from fastgw.routing.trie import Node, PathTable
from tests.unit.routing.tables import nothing, rule


def table_of(*paths: str) -> PathTable:
    table = PathTable()
    for path in paths:
        table.add(parse_path(path).extent, [rule(path, path)])
    return table


def search(table: PathTable, path: bytes) -> str | None:
    found = table.search(path, b"GET", nothing)
    return None if found is None else found.name


class CountingDict(dict[bytes, Node]):
    """Counts the nodes that a search enters on its way down."""

    steps = 0

    def get(self, key: bytes, default: object = None) -> Node | None:  # type: ignore[override]
        CountingDict.steps += 1
        return super().get(key)


# The compiled search is the same source; it takes no other dict than dict.
counted = pytest.mark.skipif(
    fastgw.compiled(), reason="steps are counted by a dict of our own: in the Python form only"
)


def count_steps(table: PathTable) -> int:
    """Make every node count; return the number of nodes."""
    nodes = [table.root] if table.root is not None else []
    for node in nodes:
        node.literals = CountingDict(node.literals)
        nodes += [*node.literals.values(), *([node.parameter] if node.parameter else [])]
    CountingDict.steps = 0
    return len(nodes)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/v1/models", "/v1/{x}"),
        (b"/v1/llm", "/v1/{x}"),
        (b"/v1/llm/predict", "/v1/{x}/predict"),
        (b"/v1/llm/other", "/v1/*"),
        (b"/v1/special/predict", "/v1/{x}/predict"),
        (b"/v1/special/other", "/v1/special/other"),
        (b"/v1/", "/v1/*"),
        (b"/v1", None),
        (b"/v1//predict", "/v1/*"),
        (b"/v2/a/b", "/{tenant}/a/*"),
        (b"/v2/a", None),
        (b"/v2//", None),
        (b"", None),
        (b"*", None),
        (b"v1/models", None),
    ],
)
def test_literals_and_parameters_stand_side_by_side(path: bytes, expected: str | None) -> None:
    table = table_of(
        "/v1/{x}", "/v1/{x}/predict", "/v1/special/other/{x}", "/v1/special/{y}/end", "/v1/*", "/{tenant}/a/*"
    )
    if expected == "/v1/special/other":
        table.add(((b"v1", b"special", None), False), [rule("/v1/special/other", "/v1/special/{any}")])
        assert search(table, path) == "/v1/special/other"
    else:
        assert search(table, path) == expected


def test_the_left_segment_decides_first() -> None:
    table = table_of("/admin/*", "/{tenant}/status", "/{tenant}/{x}", "/*")
    assert search(table, b"/admin/status") == "/admin/*"
    assert search(table, b"/acme/status") == "/{tenant}/status"
    assert search(table, b"/acme/other") == "/{tenant}/{x}"
    assert search(table, b"/acme/other/deep") == "/*"
    assert search(table, b"/") == "/*"


def test_the_longest_prefix_is_the_last_resort_of_its_branch() -> None:
    table = table_of("/*", "/a/*", "/a/b/*", "/a/{x}/c")
    assert search(table, b"/a/b/c") == "/a/b/*"
    assert search(table, b"/a/z/c") == "/a/{x}/c"
    assert search(table, b"/a/z/d") == "/a/*"
    assert search(table, b"/a/b") == "/a/*"
    assert search(table, b"/a") == "/*"


def test_a_parameter_takes_one_segment_that_is_not_empty() -> None:
    table = table_of("/a/{x}", "/a/{x}/")
    assert search(table, b"/a/%2F") == "/a/{x}"
    assert search(table, b"/a/x/") == "/a/{x}/"
    assert search(table, b"/a/") is None
    assert search(table, b"/a//") is None


def test_an_exact_table_has_no_trie() -> None:
    table = table_of("/a", "/b/", "*")
    assert table.root is None
    assert search(table, b"/a") is None
    assert sorted(table.exact) == [b"*", b"/a", b"/b/"]
    assert [leaf.rules[0].name for leaf in table.leaves(b"/b/")] == ["/b/"]
    assert table.leaves(b"/b") == []


def test_leaves_are_all_patterns_that_match() -> None:
    table = table_of("/a/b", "/a/{x}", "/{y}/b", "/a/*", "/*", "/a/b/*", "/a/c", "/{y}/c", "/a")
    assert sorted(leaf.rules[0].name for leaf in table.leaves(b"/a/b")) == ["/*", "/a/*", "/a/b", "/a/{x}", "/{y}/b"]
    assert sorted(leaf.rules[0].name for leaf in table.leaves(b"/a/b/c/d")) == ["/*", "/a/*", "/a/b/*"]
    assert sorted(leaf.rules[0].name for leaf in table.leaves(b"/a/")) == ["/*", "/a/*"]
    assert table.leaves(b"*") == []


@counted
def test_work_is_bounded_by_the_table_and_not_by_the_path() -> None:
    long = b"/a" * 4096
    depth = 9
    table = table_of(*("/" + "/".join(choice) + "/end" for choice in product(["a", "{x}"], repeat=depth)))
    nodes = count_steps(table)
    assert search(table, long) is None
    assert CountingDict.steps <= nodes
    CountingDict.steps = 0
    assert search(table, b"/a" * depth + b"/no") is None
    assert CountingDict.steps <= nodes  # the worst case: every branch is tried, each node once


@pytest.mark.no_cover
@counted
def test_work_does_not_grow_with_the_number_of_routes() -> None:
    steps = []
    for count in (10, 10_000):
        table = table_of(*(f"/s{i}/{{m}}/predict" for i in range(count)), "/*")
        count_steps(table)
        assert search(table, b"/s7/m/predict") == "/s7/{m}/predict"
        assert search(table, b"/s7/m/other") == "/*"
        steps.append(CountingDict.steps)
    assert steps[0] == steps[1] <= 7


def test_a_pattern_as_deep_as_a_path_may_be_needs_no_recursion() -> None:
    deep = "/a" * 4095
    table = table_of(deep + "/{x}", "/*")
    assert search(table, deep.encode() + b"/b") == deep + "/{x}"
    assert search(table, deep.encode()) == "/*"
    assert search(table, deep.encode() + b"/b/c") == "/*"
