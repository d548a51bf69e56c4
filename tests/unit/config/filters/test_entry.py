"""An entry: its word, and its check with lines of the file."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import pytest

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from tests.unit.config.files import MINIMAL, problems, read


class Pair(FilterOptions):
    """Two numbers."""

    made_by: ClassVar[str] = "tests:None"
    type: Literal["pair"] = setting(..., "pair")
    low: int = setting(0, "Less.")
    high: int = setting(1, "More.")

    def check(self, document: Document, where: TreePath) -> None:
        """``low`` is less."""
        if self.low >= self.high:
            document.report((*where, "low"), f"is not less than high ({self.high})")


def test_the_word_is_what_type_may_say() -> None:
    assert Pair.word() == "pair"


def test_it_needs_a_definition_unless_it_says_otherwise() -> None:
    assert not Pair.is_built_in


@pytest.mark.parametrize(("low", "expected"), [(0, []), (5, ["gw:4:10: filters.p.low: is not less than high (2)"])])
def test_a_check_reports_with_its_line(low: int, expected: list[str]) -> None:
    document = Document("gw", {})
    document.parse(f"filters:\n  p:\n    type: pair\n    low: {low}\n    high: 2\n")
    Pair(type="pair", low=low, high=2).check(document, ("filters", "p"))
    assert [str(problem) for problem in document.problems] == expected


def test_what_is_not_checked_is_fine() -> None:
    document = Document("gw", {})
    FilterOptions(type="pair").check(document, ("filters", "p"))
    assert not document.problems


class Patient(FilterOptions):
    """Has a meaning of its own for a key that all filters have."""

    made_by: ClassVar[str] = "tests:None"
    type: Literal["patient"] = setting(..., "patient")
    timeout: int = setting(3, "Seconds.")


def test_what_all_filters_have_is_no_option_unless_the_type_has_a_meaning_for_it() -> None:
    assert Pair.model_validate({"type": "pair", "on_failure": "open", "timeout": "1s"}).given() == {"low": 0, "high": 1}
    assert Patient.model_validate({"type": "patient"}).given() == {"timeout": 3}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("on_failure: close", "7:47: filters.log.on_failure: expected closed or open, got 'close'"),
        ("timeout: 0", "7:44: filters.log.timeout: "),
    ],
)
def test_what_is_wrong_with_a_general_key_is_told_with_its_line(tmp_path: Path, said: str, expected: str) -> None:
    [problem] = problems(tmp_path, MINIMAL + f"filters: {{log: {{type: access_log, {said}}}}}")
    assert problem.startswith(expected), problem


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("type: request_id", "gives every request an id, or keeps the one it came with"),
        ("type: access_log", "writes a line for every exchange to stdout"),
        ("type: concurrency, max: 3, per: address", "refuses more than 3 at one time, per address"),
        (
            "type: rate_limit, limits: [{rate: 5/s}, {rate: 60/h, per: address}]",
            "refuses more than 5/s per route, 60/h per address",
        ),
        ("type: rate_limit, dry_run: true, limits: [{rate: 2/d}]", "notes more than 2/d per route"),
        (
            "type: headers, request: {set: {x-a: b}, remove: [x-c]}, response: {add: {x-d: e}}",
            "request: set x-a, remove x-c; response: add x-d",
        ),
        ("type: rewrite, strip_prefix: /a, add_prefix: /b", "asks for /b/... where the path is /a/..."),
        ("type: rewrite, strip_prefix: /a", "asks for /... where the path is /a/..."),
        ("type: rewrite, add_prefix: /b", "asks for /b/... where the path is /..."),
        ("type: rewrite, path: /p", "asks for /p"),
        ("type: rewrite, pattern: '/x/(.*)', to: /y/$1", "asks for /y/$1 where the pattern matches"),
        (
            "type: jwt, algorithms: HS256, scopes: [a, b], keys: [{secret: 0123456789abcdef0123456789abcdef}]",
            "refuses without a signature by HS256 and the scopes a b (authorization)",
        ),
        (
            "type: jwt, optional: true, algorithms: HS256, keys: [{secret: 0123456789abcdef0123456789abcdef}]",
            "refuses a token that has not a signature by HS256 (authorization)",
        ),
    ],
)
def test_each_tells_in_a_phrase_what_it_does(tmp_path: Path, options: str, said: str) -> None:
    assert read(tmp_path, MINIMAL + f"filters: {{one: {{{options}}}}}").filters[0].does == said
