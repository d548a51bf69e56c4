from __future__ import annotations

import mmap

from fastgw.core import counters as layout
from fastgw.telemetry.totals import OTHER, total


def slab(**values: int) -> memoryview[int]:
    found = memoryview(mmap.mmap(-1, layout.SLAB_BYTES)).cast("Q")
    for name, value in values.items():
        found[getattr(layout, name)] = value
    return found


def test_slabs_are_added_up() -> None:
    one, two = slab(CONNECTIONS=3, EXCHANGES_OPEN=1), slab(CONNECTIONS=4)
    one[layout.ROUTE.base(0) + layout.ROUTE_STARTED] = 5
    two[layout.ROUTE.base(0) + layout.ROUTE_STARTED] = 6
    two[layout.ENDPOINT.base(1) + layout.ENDPOINT_IDLE] = 7
    two[layout.SERVICE.base(3) + layout.SERVICE_RETRIES] = 8
    two[layout.FILTER.base(2) + layout.FILTER_FAILURES] = 3
    sums = total([one, two], {"a": 0, "b": 9}, {"s": 3}, {("s", "1:2"): 1}, {"log": 2})
    assert sums.filters["log"][layout.FILTER_FAILURES] == 3
    assert sums.services["s"][layout.SERVICE_RETRIES] == 8
    assert sums.globals[layout.CONNECTIONS] == 7 and sums.globals[layout.EXCHANGES_OPEN] == 1
    assert sums.routes["a"][layout.ROUTE_STARTED] == 11 and not any(sums.routes["b"])
    assert sums.endpoints["s", "1:2"][layout.ENDPOINT_IDLE] == 7


def test_without_workers_everything_is_zero() -> None:
    sums = total([], {"a": 0}, {}, {}, {})
    assert sums.routes == {"a": [0] * layout.ROUTE.size} and not any(sums.globals)


def test_names_that_share_the_last_slot_are_one() -> None:
    one = slab()
    last = layout.ROUTE.count - 1
    one[layout.ROUTE.base(last) + layout.ROUTE_STARTED] = 4
    ends = ({"s": layout.SERVICE.count - 1}, {("s", "e"): layout.ENDPOINT.count - 1}, {"f": layout.FILTER.count - 1})
    sums = total([one], {"x": last, "y": last, "z": 0}, *ends)
    assert list(sums.routes) == [OTHER, "z"] and sums.routes[OTHER][layout.ROUTE_STARTED] == 4
    assert (list(sums.services), list(sums.endpoints), list(sums.filters)) == ([OTHER], [(OTHER, OTHER)], [OTHER])
