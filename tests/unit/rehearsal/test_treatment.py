"""What two configurations do with one request, compared thing by thing."""

from __future__ import annotations

from fastgw.config.changes import differences
from fastgw.rehearsal.treatment import compared


def test_values_that_differ_are_lines() -> None:
    old = {"service a": {"x": 1, "y": 2}, "filter f": {"z": 1}}
    assert compared(old, old, differences) == ()
    assert compared(old, {"service a": {"x": 1, "y": 3}, "filter f": {"z": 1}}, differences) == (
        "service a: y: 2 -> 3",
    )


def test_what_is_met_or_not_is_a_line_but_for_the_route_itself() -> None:
    old, new = {"filter f": {}, "route a": {}}, {"filter g": {}, "route b": {}}
    assert compared(old, new, differences) == ("filter f: is met no more", "filter g: is met")
