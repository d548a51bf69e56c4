"""The reasons in words."""

from __future__ import annotations

import pytest

from fastgw.routing import Router, Rule
from fastgw.routing.explain import NEAR_MISSES_MAX, Explanation
from tests.unit.routing.tables import reader, rule


def explain(table: list[Rule[str]], path: str, host: str = "", method: str = "GET", **headers: str) -> Explanation[str]:
    read = reader({name.replace("_", "-"): value for name, value in headers.items()})
    return Router(table).explain(host.encode(), method.encode(), path.encode(), read)


def misses(found: Explanation[str]) -> dict[str, str]:
    return {miss.rule.name: miss.failed for miss in found.near_misses}


def test_the_reasons_say_what_matched() -> None:
    table = [rule("full", "/v1/{model}/*", "*.edge.example", ["GET"], {"x-a": "1", "x-b": "*"})]
    found = explain(table, "/v1/llm/x", "a.edge.example", x_a="1", x_b="2")
    assert found.rule is table[0]
    assert found.reasons == [
        "the host 'a.edge.example' matches '*.edge.example'",
        "the path '/v1/llm/x' matches '/v1/{model}/*', model = 'llm'",
        "the method is GET",
        "the header 'x-a' is '1'",
        "the header 'x-b' is there",
    ]
    plain = explain([rule("plain", "/a")], "/a")
    assert plain.reasons == ["any host is taken", "the path is '/a'", "any method is taken"]
    head = explain([rule("get", "/a", methods=["GET"])], "/a", method="HEAD")
    assert head.reasons[-1] == "HEAD is taken where GET is"


@pytest.mark.parametrize(
    ("winner", "loser", "why"),
    [
        (rule("w", "/*", "c.a.b"), rule("l", "/a", "*.b"), "its host is exact"),
        (rule("w", "/*", "c.a.b"), rule("l", "/a"), "its host is exact"),
        (rule("w", "/*", "*.a.b"), rule("l", "/a", "*.b"), "its host is a longer wildcard"),
        (rule("w", "/*", "*.a.b"), rule("l", "/a"), "it asks for a host"),
        (rule("w", "/a"), rule("l", "/{x}"), "segment 1 of its path is literal, here a parameter"),
        (rule("w", "/{x}"), rule("l", "/*"), "segment 1 of its path is a parameter, here '*'"),
        (rule("w", "/a", headers={"x-a": "1"}), rule("l", "/a", methods=["GET"]), "it asks for more headers"),
        (rule("w", "/a", methods=["GET"]), rule("l", "/a"), "it asks for a method"),
        (
            rule("w", "/a", headers={"x-a": "1"}),
            rule("l", "/a", headers={"x-a": "*"}),
            "it asks for more exact header values",
        ),
    ],
)
def test_a_rule_that_matches_too_is_told_why_another_comes_first(winner: Rule[str], loser: Rule[str], why: str) -> None:
    found = explain([loser, winner], "/a", "c.a.b", x_a="1")
    assert found.rule is winner
    assert misses(found) == {"l": f"it matches too, but 'w' comes first: {why}"}


def test_naming_head_comes_first() -> None:
    found = explain([rule("get", "/a", methods=["GET"]), rule("head", "/a", methods=["HEAD"])], "/a", method="HEAD")
    assert misses(found) == {"get": "it matches too, but 'head' comes first: it names HEAD"}


def test_near_misses_say_what_failed_and_the_nearest_come_first() -> None:
    table = [
        rule("both", "/a", methods=["PUT"], headers={"x-a": "1"}),
        rule("method", "/a", methods=["GET"]),
        rule("missing", "/a", headers={"x-a": "1"}),
        rule("host", "/a", "h.example"),
        rule("far", "/b"),
        rule("far host", "/a", "h.example", ["GET"]),
        rule("slash", "/a/"),
        rule("case", "/A"),
        rule("below", "/a/*"),
    ]
    found = explain(table, "/a", method="POST")
    assert found.rule is None
    assert found.reasons == ["no route matches host, path, method and headers together"]
    assert misses(found) == {
        "method": "the method POST is not among GET, HEAD",
        "missing": "the header 'x-a' is missing",
        "host": "the host '' is not 'h.example'",
        "slash": "the path '/a' has no slash at its end",
        "case": "the path '/a' does not match '/A'",
        "below": "the path '/a' has no slash at its end",
        "both": "the method POST is not among PUT; the header 'x-a' is missing",
    }
    assert found.near_misses[-1].rule.name == "both"
    wrong = explain(table, "/a", method="PUT", x_a="2")
    assert misses(wrong)["both"] == "the header 'x-a' is '2', not '1'"
    assert misses(explain([rule("no slash", "/a")], "/a/")) == {
        "no slash": "the path '/a/' has one slash too many at its end"
    }


def test_near_misses_are_bounded() -> None:
    table = [rule(str(i), "/a", headers={"x-a": str(i)}) for i in range(50)]
    assert len(explain(table, "/a").near_misses) == NEAR_MISSES_MAX


def test_an_explanation_is_text() -> None:
    table = [rule("a", "/a"), rule("b", "/{x}")]
    assert str(explain(table, "/a")).splitlines() == [
        "route 'a' (/a)",
        "  any host is taken",
        "  the path is '/a'",
        "  any method is taken",
        "not route 'b' (/{x}): it matches too, but 'a' comes first: segment 1 of its path is literal, here a parameter",
    ]
    assert str(explain(table, "/a/b")).splitlines()[0] == "no route"
