"""Percentages, and what is none."""

from __future__ import annotations

import pytest

from fastgw.config.percentage import percentage


@pytest.mark.parametrize(
    ("text", "part"), [("10%", 0.1), ("100%", 1.0), ("0%", 0.0), ("0.5 %", 0.005), ("12.5%", 0.125)]
)
def test_what_is_one(text: str, part: float) -> None:
    assert percentage(text) == pytest.approx(part)


@pytest.mark.parametrize(
    "value", ["10", 10, 0.1, "101%", "-1%", "%", "1e1%", "ten%", "", None, ["10%"], True, "1" * 500 + "%"]
)
def test_what_is_none(value: object) -> None:
    with pytest.raises(ValueError, match="percentage"):
        percentage(value)
