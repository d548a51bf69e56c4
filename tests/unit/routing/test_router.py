"""The whole table: hosts, precedence, fallback, errors; and the trie against a linear matcher."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.routing import Router, RoutingError, Rule
from tests.support.examples import examples
from tests.unit.routing.tables import (
    HEADERS,
    METHODS,
    REQUEST_HOSTS,
    VALUES,
    naive_best,
    nothing,
    reader,
    request_paths,
    rule,
    tables,
)

header_sets = st.dictionaries(st.sampled_from(HEADERS), st.sampled_from([*VALUES, "3"]))


def match(router: Router[str], target: str, method: str = "GET", **headers: str) -> str | None:
    """``target`` is host and path together: ``api.example/a``, ``/a``, ``*``."""
    slash = target.find("/")
    host, path = (target[:slash], target[slash:]) if slash >= 0 else ("", target)
    read = reader({name.replace("_", "-"): value for name, value in headers.items()})
    return router.match(host.encode(), method.encode(), path.encode(), read)


def accepted_part(table: list[Rule[str]]) -> list[Rule[str]]:
    """The rules of a random table that can stand beside those before them."""
    kept: list[Rule[str]] = []
    for line in table:
        try:
            Router([*kept, line])
        except RoutingError:
            continue
        kept.append(line)
    return kept


@settings(max_examples=examples(400), deadline=None)
@given(tables, st.data())
def test_trie_agrees_with_a_linear_matcher(table: list[Rule[str]], data: st.DataObject) -> None:
    table = accepted_part(table)
    router = Router(table)
    for _ in range(8):
        host = data.draw(st.sampled_from(REQUEST_HOSTS))
        method = data.draw(st.sampled_from([*METHODS, "PUT"]))
        path = data.draw(request_paths)
        headers = data.draw(header_sets)
        best = naive_best(table, host, method, path, headers)
        assert len(best) <= 1
        read = reader(headers)
        expected = best[0] if best else None
        found = router.match(host.encode(), method.encode(), path.encode(), read)
        assert found == (expected.payload if expected else None)
        assert router.plain.get(path.encode(), found) == found
        assert router.explain(host.encode(), method.encode(), path.encode(), read).rule is expected
        if found is None:
            trial = [m for m in METHODS if naive_best(table, host, m, path, headers)]
            assert router.allowed(host.encode(), path.encode(), read) == trial


@settings(max_examples=examples(300), deadline=None)
@given(tables)
def test_a_table_is_refused_exactly_when_some_request_could_go_two_ways(table: list[Rule[str]]) -> None:
    shapes = {line.path.replace("{q}", "{p}") for line in table}
    paths = {shape.replace("{p}", "v").replace("*", "v//") if shape != "*" else "*" for shape in shapes}
    header_sets = [
        {name: value for name, value in zip(HEADERS, values, strict=True) if value}
        for values in product(["", *VALUES, "3"], repeat=len(HEADERS))
    ]
    requests = product(REQUEST_HOSTS, [*METHODS, "PUT"], paths, header_sets)
    is_ambiguous = any(len(naive_best(table, *request)) > 1 for request in requests)
    try:
        Router(table)
    except RoutingError:
        assert is_ambiguous
    else:
        assert not is_ambiguous


@settings(max_examples=examples(300), deadline=None)
@given(tables)
def test_no_rule_of_an_accepted_table_is_unreachable(table: list[Rule[str]]) -> None:
    table = accepted_part(table)
    router = Router(table)
    for line in table:
        host = line.host.replace("*", "fresh") or "fresh"
        path = line.path.replace("{p}", "fresh").replace("{q}", "fresh")
        path = path[:-1] + "/fresh" if path.endswith("/*") else path
        method = next(iter(sorted(line.methods)), "FRESH")
        headers = {name: "fresh" if value == "*" else value for name, value in line.headers}
        assert router.match(host.encode(), method.encode(), path.encode(), reader(headers)) == line.payload


def test_plain_paths_are_those_for_which_only_the_path_matters() -> None:
    router = Router([rule("a", "/a"), rule("b", "/b", methods=["GET"]), rule("c", "/c/*"), rule("d", "/d/{x}")])
    assert router.plain == {b"/a": "a"}
    assert Router([rule("a", "/a"), rule("b", "/b", "api.example")]).plain == {}


def test_an_empty_table_matches_nothing() -> None:
    router: Router[str] = Router([])
    assert match(router, "a.example/") is None
    assert router.allowed(b"a.example", b"/") == []


def test_an_exact_host_wins_over_the_longest_wildcard_over_any() -> None:
    router = Router(
        [
            rule("any", "/*"),
            rule("wide", "/*", "*.example"),
            rule("long", "/*", "*.edge.example"),
            rule("exact", "/*", "a.edge.example"),
        ]
    )
    assert match(router, "a.edge.example/") == "exact"
    assert match(router, "b.edge.example/") == "long"
    assert match(router, "c.b.edge.example/") == "long"
    assert match(router, "edge.example/") == "wide"
    assert match(router, "example/") == "any"
    assert match(router, ".example/") == "any"
    assert match(router, "/") == "any"


def test_the_host_decides_before_the_path() -> None:
    router = Router([rule("any", "/a"), rule("host", "/*", "h.example")])
    assert match(router, "h.example/a") == "host"


@pytest.mark.parametrize("host", ["API.example", "api.EXAMPLE", "api.example"])
def test_letter_case_of_a_host_does_not_count(host: str) -> None:
    router = Router([rule("exact", "/", host), rule("wide", "/", "*.Wide.example")])
    assert match(router, "api.example/") == match(router, "Api.Example/") == "exact"
    assert match(router, "x.wide.example/") == match(router, "X.WIDE.example/") == "wide"


def test_what_does_not_match_falls_back_to_the_less_specific() -> None:
    router = Router(
        [
            rule("exact", "/a/b", "h.example", ["POST"]),
            rule("parameter", "/a/{x}", "h.example", ["PUT"]),
            rule("prefix", "/a/*", "h.example", ["PATCH"]),
            rule("wildcard host", "/a/b", "*.example", ["DELETE"]),
            rule("any host", "/*"),
        ]
    )
    found = [match(router, "h.example/a/b", method) for method in ("POST", "PUT", "PATCH", "DELETE", "GET")]
    assert found == ["exact", "parameter", "prefix", "wildcard host", "any host"]
    assert match(router, "h.example/c") == "any host"


def test_more_conditions_win_and_the_order_in_the_table_does_not_matter() -> None:
    table = [
        rule("plain", "/v1/*"),
        rule("get", "/v1/*", methods=["GET"]),
        rule("present", "/v1/*", headers={"x-canary": "*"}),
        rule("canary", "/v1/*", headers={"x-canary": "1"}),
        rule("get canary", "/v1/*", methods=["GET"], headers={"x-canary": "1"}),
        rule("both", "/v1/*", headers={"x-canary": "1", "x-user": "*"}),
    ]
    for router in (Router(table), Router(table[::-1])):
        assert match(router, "/v1/x", "POST") == "plain"
        assert match(router, "/v1/x", "GET") == "get"
        assert match(router, "/v1/x", "POST", x_canary="0") == "present"
        assert match(router, "/v1/x", "POST", x_canary="1") == "canary"
        assert match(router, "/v1/x", "HEAD", x_canary="1") == "get canary"
        assert match(router, "/v1/x", "GET", x_canary="1", x_user="") == "both"


def test_head_goes_where_get_goes_unless_a_rule_names_it() -> None:
    router = Router(
        [
            rule("get", "/a", methods=["GET"]),
            rule("x get", "/b", methods=["GET", "POST"]),
            rule("x head", "/b", methods=["HEAD"]),
        ]
    )
    assert match(router, "/a", "HEAD") == "get"
    assert match(router, "/b", "HEAD") == "x head"
    assert match(router, "/b", "GET") == "x get"
    assert router.allowed(b"", b"/a") == ["GET", "HEAD"]


def test_the_asterisk_form_belongs_to_its_own_rule_only() -> None:
    assert match(Router([rule("all", "/*")]), "*", "OPTIONS") is None
    router = Router([rule("all", "/*"), rule("asterisk", "*", methods=["OPTIONS"])])
    assert match(router, "*", "OPTIONS") == "asterisk"
    assert match(router, "/*", "OPTIONS") == "all"


def test_a_rule_for_both_headers_settles_what_they_share() -> None:
    one, two = rule("a", "/", headers={"x-a": "1"}), rule("b", "/", headers={"x-b": "1"})
    with pytest.raises(RoutingError):
        Router([one, two])
    router = Router([one, two, rule("both", "/", headers={"x-a": "1", "x-b": "1"})])
    assert match(router, "/", x_a="1") == "a"
    assert match(router, "/", x_b="1") == "b"
    assert match(router, "/", x_a="1", x_b="1") == "both"


def test_allowed_names_the_methods_of_the_path_and_only_what_the_client_may_know() -> None:
    router = Router(
        [
            rule("get", "/a", methods=["GET"]),
            rule("put", "/{x}", methods=["PUT"]),
            rule("host", "/a", "h.example", ["PATCH"]),
            rule("hidden", "/a", methods=["DELETE"], headers={"x-key": "1"}),
        ]
    )
    assert router.allowed(b"", b"/a") == ["GET", "HEAD", "PUT"]
    assert router.allowed(b"h.example", b"/a") == ["GET", "HEAD", "PATCH", "PUT"]
    assert router.allowed(b"", b"/a", reader({"x-key": "1"})) == ["DELETE", "GET", "HEAD", "PUT"]
    assert router.allowed(b"", b"/a", reader({"x-key": "2"})) == ["GET", "HEAD", "PUT"]
    assert router.allowed(b"", b"/a/b") == []
    assert Router([rule("x", "/x", methods=["PUT"])]).allowed(b"", b"/x") == ["PUT"]


def test_all_problems_are_told_at_once_with_the_names_of_the_rules() -> None:
    with pytest.raises(RoutingError) as caught:
        Router(
            [
                rule("bad path", "no-slash"),
                rule("bad host", "/", "h.example:80"),
                rule("one", "/a/{x}", methods=["GET", "PUT"]),
                rule("two", "/a/{y}", methods=["GET"]),
                rule("three", "/b", "h.example"),
                rule("four", "/b", "H.example"),
            ]
        )
    assert caught.value.problems == [
        "route 'bad path' (no-slash): the path 'no-slash' has no leading slash",
        "route 'bad host' (h.example:80/): the host 'h.example:80' is more than a name: no scheme, no port, no path",
        (
            "routes 'one' (GET,PUT /a/{x}) and 'two' (GET /a/{y}) are ambiguous: a GET request could go to either; "
            "give one of them another condition"
        ),
        "route 'four' (H.example/b) repeats route 'three' (h.example/b): one of them can never match",
    ]
    assert caught.value.rules == [("bad path",), ("bad host",), ("one", "two"), ("three", "four")]


def test_a_hostile_host_is_not_tried_label_by_label() -> None:
    router = Router([rule("wide", "/", "*.edge.example")])
    assert match(router, "a." * 4000 + "edge.example/") == "wide"
    assert match(router, "a." * 4000 + "nothing.example/") is None
    assert match(router, ".edge.example/") is None


@pytest.mark.no_cover
def test_ten_thousand_routes_ask_for_no_more_look_ups_than_ten() -> None:
    asked: list[bytes] = []

    def header(name: bytes) -> bytes:
        asked.append(name)
        return b"m7"

    for count in (10, 10_000):
        table = [rule(f"m{i}", "/chat", headers={"x-model": f"m{i}"}) for i in range(count // 2)]
        table += [rule(f"s{i}", f"/s{i}/{{v}}/*") for i in range(count // 2)]
        if count == 10:
            table.append(rule("m7", "/chat", headers={"x-model": "m7"}))
        router = Router(table)
        asked.clear()
        assert router.match(b"", b"GET", b"/chat", header) == "m7"
        assert asked == [b"x-model"]
        assert router.match(b"", b"GET", b"/s3/v/x", nothing) == "s3"


def test_a_table_made_in_steps_is_the_same() -> None:
    lines = [rule(f"r{n}", path) for n, path in enumerate(["/a", "/a/*", "/{p}/b", "/c"])]
    steps = Router.made(lines)
    count = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            table = end.value
            break
        count += 1
    assert count >= len(lines)
    assert [match(table, path) for path in ("/a", "/a/x", "/x/b", "/c", "/d")] == ["r0", "r1", "r2", "r3", None]
