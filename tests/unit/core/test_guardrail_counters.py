"""The rows of guard rails lie in the block of a route, behind its own."""

from __future__ import annotations

from fastgw.core import counters
from fastgw.core.guardrail_counters import GUARDED, RULES, SET


def test_each_rule_has_its_place() -> None:
    (row,) = [one for one in counters.ROUTE if one.name == "fastgw_guardrails"]
    assert row.labels == ("route", "rule") and row.values == RULES and row.index == GUARDED
    assert counters.ROUTE_BUCKETS < GUARDED and counters.ROUTE.size > GUARDED + SET
