"""One line of the table."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from fastgw.errors import ConfigError
from fastgw.routing.rule import RoutingError, accepted, rank, rule_problems
from tests.unit.routing.tables import rule


def test_a_rule_is_a_value_and_its_payload_is_not_part_of_it() -> None:
    one = rule("a", "/a")
    assert one == rule("a", "/a")
    assert hash(one) == hash(rule("a", "/a"))
    assert one != rule("a", "/b")
    with pytest.raises(FrozenInstanceError):
        one.name = "b"  # type: ignore[misc]


def test_a_rule_names_itself() -> None:
    assert str(rule("a", "/a")) == "'a' (/a)"
    full = rule("a", "/a/*", "*.example", ["PUT", "GET"], {"x-b": "1", "x-a": "*"})
    assert str(full) == "'a' (GET,PUT *.example/a/*, x-b: 1, x-a: *)"


def test_a_rule_reads_the_parameters_of_a_path_it_matched() -> None:
    assert rule("a", "/v1/{model}/{verb}").params(b"/v1/llm/predict") == {"model": b"llm", "verb": b"predict"}
    assert rule("a", "/v1/*").params(b"/v1/llm") == {}


def test_rank_counts_headers_then_methods_then_exact_values() -> None:
    rules = [
        rule("none"),
        rule("method", methods=["GET", "PUT"]),
        rule("present", headers={"x": "*"}),
        rule("exact", headers={"x": "1"}),
        rule("present and method", methods=["GET"], headers={"x": "*"}),
        rule("exact and method", methods=["GET"], headers={"x": "1"}),
        rule("two", headers={"x": "*", "y": "*"}),
    ]
    assert sorted(rules, key=rank) == rules


def test_get_lets_head_through() -> None:
    assert accepted(frozenset({"GET"})) == {"GET", "HEAD"}
    assert accepted(frozenset({"PUT"})) == {"PUT"}
    assert accepted(frozenset()) == frozenset()


def test_a_good_rule_has_no_problems() -> None:
    assert (
        rule_problems(rule("a", "/a", "a.example", ["GET", "M-SEARCH"], {"x-a": "*", "x_b!": "two words", "c": ""}))
        == []
    )


@pytest.mark.parametrize(
    ("methods", "headers", "problem"),
    [
        (["a b"], [], "the method 'a b' is not a method name"),
        ([""], [], "the method '' is not a method name"),
        ([], [("X-A", "1")], "the header 'X-A' is not a header name in lower case"),
        ([], [("x a", "1")], "the header 'x a' is not a header name in lower case"),
        ([], [("x", "1"), ("x", "2")], "the header 'x' is asked for more than once"),
        ([], [("x", " 1")], "the header 'x' cannot have the value ' 1': no such value arrives"),
        ([], [("x", "1\n")], "the header 'x' cannot have the value '1\\n': no such value arrives"),
        ([], [("x", "\udc80")], "the header 'x' cannot have the value '\\udc80': no such value arrives"),
    ],
)
def test_a_condition_that_nothing_meets_is_told(
    methods: list[str], headers: list[tuple[str, str]], problem: str
) -> None:
    assert [text.partition("): ")[2] for text in rule_problems(rule("a", "/", "", methods, headers))] == [problem]


def test_the_error_is_one_of_the_configuration() -> None:
    error = RoutingError(["one", "two"])
    assert isinstance(error, ConfigError)
    assert (error.problems, error.rules, str(error)) == (["one", "two"], [], "one\ntwo")
