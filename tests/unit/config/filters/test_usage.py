"""``usage`` in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.filters.usage import PRICES_MAX
from tests.unit.config.files import MINIMAL, problems, read

PRICES = "prices: {gpt-4o: {input: 2.5, output: 10, cached: 1.25}, 'claude-*': {input: 3}}"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (f", path: stdout, flush: 100ms, {PRICES}", []),
        ("", []),
        (", rotate: {keep: 3}", ["filters.u.rotate: has no effect: without path there is no log"]),
        (", path: stdout, rotate: {keep: 3}", ["filters.u.rotate: stdout is no file"]),
        (", path: /no/such/usage.jsonl", ["filters.u.path: the directory of the file does not exist"]),
        (", prices: {m: {output: 1}}", ["filters.u.prices.m.input: is required"]),
        (
            ", prices: {m: {input: -1}}",
            ["filters.u.prices.m.input: expected a price such as 2.5 or 0.075, got '-1'"],
        ),
        (
            ", prices: {'a*b': {input: 1}}",
            ["filters.u.prices.a*b: expected the name of a model, or how it begins and an asterisk, got 'a*b'"],
        ),
        (", price: {}", ["filters.u.price: unknown key; did you mean 'prices'?"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, keys: str, expected: list[str]) -> None:
    found = problems(tmp_path, MINIMAL + f"filters: {{u: {{type: usage{keys}}}}}")
    assert [one.partition(": ")[2] for one in found] == expected


def test_there_is_a_bound_for_prices(tmp_path: Path) -> None:
    many = ", ".join(f"m{one}: {{input: 1}}" for one in range(PRICES_MAX + 1))
    [found] = problems(tmp_path, MINIMAL + f"filters: {{u: {{type: usage, prices: {{{many}}}}}}}")
    assert found.endswith("filters.u.prices: has more than 1000 models")


def test_what_a_worker_is_told(tmp_path: Path) -> None:
    options = dict(
        read(tmp_path, MINIMAL + f"filters: {{u: {{type: usage, models: [gpt-5], {PRICES}}}}}").filters[0].options
    )
    assert options == {
        "path": None,
        "rotate": None,
        "flush": 1.0,
        "include_usage": True,
        "models": ("gpt-5",),
        "keys": (),
        "prices": (
            ("gpt-4o", (("input", 2.5), ("output", 10.0), ("cached", 1.25))),
            ("claude-*", (("input", 3.0), ("output", 0.0), ("cached", 3.0))),
        ),
    }
