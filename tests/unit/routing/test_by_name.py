"""Choices that a parameter of the path names."""

from __future__ import annotations

import pytest

from fastgw.routing import ByName
from fastgw.routing.pattern import parse_path

CHOICES = ByName(parse_path("/v1/{name}/run/{job}"), "name", {"resize": 1, "a.b-c_d": 2})


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (b"/v1/resize/run/7", 1),
        (b"/v1/a.b-c_d/run/resize", 2),
        (b"/v1/Resize/run/7", None),  # letter case counts
        (b"/v1/resize%2F/run/7", None),
        (b"/v1/{name}/run/7", None),
    ],
)
def test_the_parameter_is_compared_whole(path: bytes, found: int | None) -> None:
    assert CHOICES.choose(path) == found


def test_all_of_them_are_known() -> None:
    assert CHOICES.choices == (1, 2)
