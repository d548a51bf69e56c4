"""A ring of traces in a worker's slab."""

from __future__ import annotations

import mmap

from fastgw.core.counters import EXEMPLARS, LOCAL, ROUTE, SLAB_BYTES
from fastgw.core.exemplars import SIZE, Exemplar, Exemplars, kept

TRACE = bytes(range(16))


def slab() -> memoryview[int]:
    return memoryview(mmap.mmap(-1, SLAB_BYTES)).cast("Q")


def test_what_is_kept_is_found_by_another_process() -> None:
    values = slab()
    Exemplars(values).keep(ROUTE.base(7), 0.0025, TRACE, 1_700_000_000.25)
    assert list(kept(values)) == [Exemplar(7, 2500, TRACE.hex(), 1_700_000_000.25)]
    assert len(TRACE.hex()) <= 128  # of an exemplar (OpenMetrics)


def test_only_the_last_are_there() -> None:
    values = slab()
    ring = Exemplars(values)
    for number in range(SIZE + 3):
        ring.keep(ROUTE.base(0), float(number), TRACE, 1.0)
    found = sorted(one.micros // 1_000_000 for one in kept(values))
    assert found == list(range(3, SIZE + 3))


def test_a_worker_that_is_started_again_goes_on_where_the_last_one_ended() -> None:
    values = slab()
    Exemplars(values).keep(ROUTE.base(0), 1.0, TRACE, 1.0)
    Exemplars(values).keep(ROUTE.base(0), 2.0, TRACE, 2.0)
    assert {one.when for one in kept(values)} == {1.0, 2.0}


def test_one_that_is_being_written_is_left_out() -> None:
    values = slab()
    Exemplars(values).keep(ROUTE.base(0), 1.0, TRACE, 1.0)
    values[EXEMPLARS.base(1)] = 0  # what a writer does first
    assert list(kept(values)) == []


def test_what_has_no_route_has_none() -> None:
    values = slab()
    for base in (LOCAL.at, 0):
        Exemplars(values).keep(base, 1.0, TRACE, 1.0)
    assert list(kept(values)) == []
