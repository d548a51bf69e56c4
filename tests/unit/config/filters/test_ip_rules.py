"""``ip_rules`` in the file: rules, and what is told of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.load import inspect
from fastgw.config.networks import MOST_NETWORKS
from tests.unit.config.files import MINIMAL, problems, read


def warnings(folder: Path, text: str) -> list[str]:
    path = folder / "gw.yaml"
    path.write_text(text)
    found = (str(one).removeprefix(f"{path}:") for one in inspect(path, {}, 0.0).warnings)
    return [one for one in found if "in no chain" not in one]


def with_rules(rules: str, more: str = "") -> str:
    return MINIMAL + f"filters:\n  office:\n    type: ip_rules\n    rules: [{rules}]\n{more}"


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("{allow: 10.0.0.0/8}", []),
        ("{deny: 10.0.0.1}, {allow: all}", []),
        ("", ["10:5: filters.office.rules: nobody may pass: no rule says anything else than otherwise: deny"]),
        (
            "{deny: 10.0.0.0/8}",
            ["10:5: filters.office.rules: nobody may pass: no rule says anything else than otherwise: deny"],
        ),
        (
            "{allow: office}",
            [
                "10:21: filters.office.rules[0].allow: expected a network such as 10.0.0.0/8 or one address, got 'office'"
            ],
        ),
        (
            "{allow: any}",
            [
                "10:21: filters.office.rules[0].allow: expected a network such as 10.0.0.0/8, one address, or all, got 'any'"
            ],
        ),
        ("{}", ["10:13: filters.office.rules[0]: needs one of allow and deny"]),
        ("{allow: all, deny: 10.0.0.1}", ["10:13: filters.office.rules[0]: needs one of allow and deny"]),
    ],
)
def test_what_is_no_rule_is_told_with_its_line(tmp_path: Path, rules: str, expected: list[str]) -> None:
    assert problems(tmp_path, with_rules(rules)) == expected


def test_rules_that_refuse_nobody(tmp_path: Path) -> None:
    assert problems(tmp_path, with_rules("{allow: 10.0.0.0/8}", "    otherwise: allow")) == [
        "10:5: filters.office.rules: everybody may pass: no rule says anything else than otherwise: allow"
    ]


def test_there_are_not_too_many(tmp_path: Path) -> None:
    half = ", ".join(f"10.{number >> 8}.{number & 255}.0/24" for number in range(MOST_NETWORKS // 2 + 1))
    assert problems(tmp_path, with_rules(f"{{allow: [{half}]}}, {{deny: [{half}]}}")) == [
        f"10:5: filters.office.rules: have {MOST_NETWORKS + 2} networks, and {MOST_NETWORKS} are the most"
    ]
    assert problems(tmp_path, with_rules(f"{{allow: [{half}, {half}]}}")) == [
        f"10:14: filters.office.rules[0].allow: has {MOST_NETWORKS + 2} networks, and {MOST_NETWORKS} are the most"
    ]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (
            "{allow: 10.0.0.0/8}, {deny: [192.0.2.1, 10.0.0.66]}",
            [
                "10:35: filters.office.rules[1].deny: 10.0.0.66/32 is not asked about: rules[0] has 10.0.0.0/8 before",
            ],
        ),
        ("{deny: 10.0.0.66}, {allow: 10.0.0.0/8}", []),
        ("{allow: 10.0.0.0/8}, {allow: 10.0.0.66}", []),  # it says the same
    ],
)
def test_a_rule_in_the_shade_of_another_is_a_warning(tmp_path: Path, rules: str, expected: list[str]) -> None:
    assert warnings(tmp_path, with_rules(rules)) == expected


def test_what_the_filter_gets(tmp_path: Path) -> None:
    found = read(tmp_path, with_rules('{deny: 10.0.0.66}, {allow: [10.0.0.0/8, "2001:db8::/32", all]}')).filters[0]
    assert dict(found.options) == {
        "rules": (
            ("deny", "10.0.0.66/32"),
            ("allow", "10.0.0.0/8"),
            ("allow", "2001:db8::/32"),
            ("allow", "all"),
        ),
        "otherwise": "deny",
    }
