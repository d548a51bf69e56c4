"""Networks in the file."""

from __future__ import annotations

import pytest

from fastgw.config.networks import networks


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("10.0.0.1", ("10.0.0.1/32",)),
        ("all", ("all",)),
        (["10.0.0.0/8", "all", "::1"], ("10.0.0.0/8", "all", "::1/128")),
        ([], ()),
    ],
)
def test_one_or_a_list(value: object, expected: tuple[str, ...]) -> None:
    assert networks(value) == expected


@pytest.mark.parametrize("value", ["office", "10.0.0.1/8", ["10.0.0.0/8", ["::1"]], {}, None, "*"])
def test_what_is_none(value: object) -> None:
    with pytest.raises(ValueError, match="expected a network such as"):
        networks(value)
