"""The rows of HTTP/2: in places of their own among those of a worker, and on its page."""

from __future__ import annotations

import mmap

from fastgw.core import counters as layout
from fastgw.core import http2_counters as rows
from fastgw.telemetry.metrics import render
from fastgw.telemetry.totals import total
from tests.unit.telemetry.test_metrics import facts, values


def test_they_are_on_the_page() -> None:
    slab = memoryview(mmap.mmap(-1, layout.SLAB_BYTES)).cast("Q")
    slab[rows.FLOODS], slab[rows.TARPIT_CUT] = 7, 3
    found = values(render(facts(), total([slab], {}, {}, {}, {}, {}))[0].decode())
    assert found["fastgw_http2_floods_total", frozenset()] == 7
    assert found["fastgw_http2_tarpit_cut_total", frozenset()] == 3


def test_no_other_row_has_their_places() -> None:
    others = [(row, row.index, row.index + row.size * (len(row.values) or 1)) for row in layout.GLOBAL]
    for place in (rows.FLOODS, rows.TARPIT_CUT, rows.UPSTREAM_GOAWAYS, rows.UPSTREAM_REFUSED, rows.UPSTREAM_DEAD):
        assert [row.index for row, start, stop in others if start <= place < stop] == [place]
