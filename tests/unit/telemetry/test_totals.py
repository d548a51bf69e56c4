from __future__ import annotations

from array import array

from fastgw.core import counters as layout
from fastgw.telemetry.totals import OTHER, total


def slab(**values: int) -> array[int]:
    found = array("Q", bytes(layout.SLAB_BYTES))
    for name, value in values.items():
        found[getattr(layout, name)] = value
    return found


def test_slabs_are_added_up() -> None:
    one, two = slab(CONNECTIONS=3, EXCHANGES_OPEN=1), slab(CONNECTIONS=4)
    one[layout.ROUTES_AT + layout.ROUTE_STARTED] = 5
    two[layout.ROUTES_AT + layout.ROUTE_STARTED] = 6
    two[layout.ENDPOINTS_AT + layout.ENDPOINT_SIZE + layout.ENDPOINT_IDLE] = 7
    sums = total([one, two], {"a": 0, "b": 9}, {("s", "1:2"): 1})
    assert sums.globals[layout.CONNECTIONS] == 7 and sums.globals[layout.EXCHANGES_OPEN] == 1
    assert sums.routes["a"][layout.ROUTE_STARTED] == 11 and not any(sums.routes["b"])
    assert sums.endpoints["s", "1:2"][layout.ENDPOINT_IDLE] == 7


def test_without_workers_everything_is_zero() -> None:
    sums = total([], {"a": 0}, {})
    assert sums.routes == {"a": [0] * layout.ROUTE_SIZE} and not any(sums.globals)


def test_names_that_share_the_last_slot_are_one() -> None:
    one = slab()
    last = layout.MAX_ROUTES - 1
    one[layout.ROUTES_AT + last * layout.ROUTE_SIZE + layout.ROUTE_STARTED] = 4
    sums = total([one], {"x": last, "y": last, "z": 0}, {("s", "e"): layout.MAX_ENDPOINTS - 1})
    assert list(sums.routes) == [OTHER, "z"] and sums.routes[OTHER][layout.ROUTE_STARTED] == 4
    assert list(sums.endpoints) == [(OTHER, OTHER)]
