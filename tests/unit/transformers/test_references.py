"""References of a template."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.transformers.references import Reference, read, references


@pytest.mark.parametrize(
    ("template", "place", "said"),
    [
        ({"a": [{"$": 5}]}, ("a", 0, "$"), "expected a JSON pointer"),
        ({"a": {"$": "b"}}, ("a", "$"), "expected a JSON pointer"),
        ({"$": "/a", "x": 1}, ("x",), "stands beside"),
    ],
)
def test_what_is_no_reference_is_told_with_its_place(template: Any, place: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said) as error:
        read(template)
    assert error.value.args[1] == place


def test_references_are_found_wherever_they_stand() -> None:
    assert list(references(read([{"a": {"$": "/x"}}, {"$": "/y", "default": 0}]))) == [
        Reference("/x"),
        Reference("/y", 0),
    ]
