"""The rows of limits of models: on the page by the filter and the words of the limit."""

from __future__ import annotations

import mmap

from fastgw.core import counters as layout
from fastgw.core import limit_counters as rows
from fastgw.telemetry.metrics import render
from fastgw.telemetry.totals import total
from tests.unit.telemetry.test_metrics import facts, values


def test_the_page_has_limits_by_their_words() -> None:
    slab = memoryview(mmap.mmap(-1, layout.SLAB_BYTES)).cast("Q")
    slab[layout.LIMIT.base(1) + rows.REFUSED], slab[layout.LIMIT.base(0) + rows.CHARGED] = 5, 900
    limits = {("limits", "100 tokens/m per key"): 0, ("limits", rows.NOTED): 1}
    found = values(render(facts(), total([slab], {}, {}, {}, {}, {}, limits))[0].decode())
    first = frozenset({("filter", "limits"), ("limit", "100 tokens/m per key")})
    assert found["fastgw_token_limit_charged_total", first] == 900
    assert found["fastgw_token_limit_refused_total", first] == 0
    assert found["fastgw_token_limit_refused_total", frozenset({("filter", "limits"), ("limit", "noted")})] == 5
