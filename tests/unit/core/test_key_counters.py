"""The rows of keys: on the page by their names, and those alone that have used something."""

from __future__ import annotations

import mmap

from fastgw.core import counters as layout
from fastgw.core import key_counters as rows
from fastgw.telemetry.metrics import render
from fastgw.telemetry.totals import total
from tests.unit.telemetry.test_metrics import facts, values


def test_the_page_has_keys_by_their_names() -> None:
    slab = memoryview(mmap.mmap(-1, layout.SLAB_BYTES)).cast("Q")
    slab[layout.KEY.base(0) + rows.KEY_REQUESTS], slab[layout.KEY.base(0) + rows.KEY_TOKENS + 1] = 2, 70
    slab[layout.KEY.base(2) + rows.KEY_COST] = 900
    keys = {"ann": 0, "bob": 1, "other": 2}
    page = render(facts(), total([slab], {}, {}, {}, {}, {}, {}, keys))[0].decode()
    found, ann = values(page), ("key", "ann")
    assert found["fastgw_key_requests_total", frozenset({ann})] == 2
    assert found["fastgw_key_tokens_total", frozenset({ann, ("gen_ai_token_type", "output")})] == 70
    assert found["fastgw_key_cost_nanos_total", frozenset({("key", "other")})] == 900
    assert "bob" not in page
