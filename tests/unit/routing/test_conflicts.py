"""Rules of one host and one path that cannot stand beside each other."""

from __future__ import annotations

import pytest

from fastgw.routing import Rule
from fastgw.routing.conflicts import CONFLICTS_MAX, conflicts, sentence
from tests.unit.routing.tables import rule

A1 = {"x-a": "1"}
B1 = {"x-b": "1"}


def names(*rules: Rule[str]) -> list[tuple[str, str]]:
    return [(first.name, second.name) for first, second in conflicts(rules)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (rule("1"), rule("2", methods=["GET"])),
        (rule("1", methods=["GET"]), rule("2", methods=["PUT"])),
        (rule("1", methods=["GET"]), rule("2", methods=["HEAD"])),
        (rule("1", headers=A1), rule("2", headers={"x-a": "2"})),
        (rule("1", headers=A1), rule("2", headers={"x-a": "*"})),
        (rule("1", headers={**A1, "x-b": "*"}), rule("2", headers={"x-a": "2", "x-c": "*"})),
        (rule("1", headers=A1, methods=["GET"]), rule("2", headers=B1, methods=["PUT"])),
        (rule("1", headers=A1, methods=["GET"]), rule("2", headers=B1)),
        (rule("1", headers=A1), rule("2", headers={**A1, **B1})),
    ],
)
def test_rules_that_stand_beside_each_other(first: Rule[str], second: Rule[str]) -> None:
    assert names(first, second) == names(second, first) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (rule("1"), rule("2")),
        (rule("1", methods=["GET"]), rule("2", methods=["GET", "PUT"])),
        (rule("1", headers=A1), rule("2", headers=A1)),
        (rule("1", headers=A1), rule("2", headers=B1)),
        (rule("1", headers={"x-a": "*"}), rule("2", headers={"x-b": "*"})),
        (rule("1", headers={**A1, "x-b": "*"}), rule("2", headers={**B1, "x-a": "*"})),
        (rule("1", headers={**A1, "x-b": "*"}), rule("2", headers={**A1, "x-c": "*"})),
        (rule("1", headers=A1, methods=["GET"]), rule("2", headers=B1, methods=["HEAD"])),
    ],
)
def test_rules_that_do_not(first: Rule[str], second: Rule[str]) -> None:
    assert names(first, second) == [("1", "2")]
    assert names(second, first) == [("2", "1")]


def test_a_rule_that_asks_for_more_settles_a_conflict_if_it_takes_all_of_it() -> None:
    pair = (rule("1", headers=A1), rule("2", headers=B1))
    both = {**A1, **B1}
    assert names(*pair, rule("3", headers=both)) == []
    assert names(*pair, rule("3", headers={"x-a": "*", "x-b": "*"})) == []
    assert names(*pair, rule("3", headers={**A1, "x-b": "2"})) == [("1", "2")]
    assert names(*pair, rule("3", headers={**both, "x-c": "*"})) == [("1", "2")]
    assert names(*pair, rule("3", headers=both, methods=["GET"])) == [("1", "2")]


def test_several_rules_may_settle_a_conflict_method_by_method() -> None:
    methods = ["PUT", "POST"]
    both = {**A1, **B1}
    pair = (rule("1", headers=A1, methods=methods), rule("2", headers=B1, methods=methods))
    put = rule("3", headers=both, methods=["PUT"])
    assert names(*pair, put) == [("1", "2")]
    assert names(*pair, put, rule("4", headers=both, methods=["POST"])) == []


def test_a_pair_is_told_once_and_in_the_order_of_the_table() -> None:
    methods = ["GET", "PUT", "POST"]
    assert names(rule("1", methods=methods), rule("2", methods=methods), rule("3", methods=["GET"])) == [
        ("1", "2"),
        ("1", "3"),
    ]


def test_one_mistake_made_many_times_is_not_told_without_end() -> None:
    assert len(names(*(rule(str(i)) for i in range(100)))) == CONFLICTS_MAX


def test_many_rules_of_one_path_are_judged_in_passing_time() -> None:
    assert names(*(rule(str(i), headers={"x-model": str(i)}) for i in range(5000))) == []


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (rule("1", "/a"), rule("2", "/a"), "route '2' (/a) repeats route '1' (/a): one of them can never match"),
        (
            rule("1", headers={**A1, **B1}),
            rule("2", headers={**B1, **A1}),
            "route '2' (/, x-b: 1, x-a: 1) repeats route '1' (/, x-a: 1, x-b: 1): one of them can never match",
        ),
        (
            rule("1", "/{a}", methods=["GET", "PUT"]),
            rule("2", "/{b}", methods=["PUT", "GET", "POST"]),
            (
                "routes '1' (GET,PUT /{a}) and '2' (GET,POST,PUT /{b}) are ambiguous: a GET/PUT request "
                "could go to either; give one of them another condition"
            ),
        ),
        (
            rule("1", headers={"x-a": "*", **B1}),
            rule("2", headers={**A1, "x-b": "*"}),
            (
                "routes '1' (/, x-a: *, x-b: 1) and '2' (/, x-a: 1, x-b: *) are ambiguous: "
                "a request with x-a: 1, x-b: 1 could go to either; give one of them another condition, "
                "or add a route that asks for the conditions of both"
            ),
        ),
        (
            rule("1", headers=A1, methods=["GET"]),
            rule("2", headers=B1, methods=["HEAD"]),
            (
                "routes '1' (GET /, x-a: 1) and '2' (HEAD /, x-b: 1) are ambiguous: "
                "a HEAD request with x-a: 1, x-b: 1 could go to either; give one of them another condition, "
                "or add a route that asks for the conditions of both"
            ),
        ),
    ],
)
def test_sentence(first: Rule[str], second: Rule[str], expected: str) -> None:
    assert sentence(first, second) == expected
