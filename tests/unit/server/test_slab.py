from __future__ import annotations

import mmap
import os
from collections.abc import Iterator

import pytest

from fastgw.core import counters as layout
from fastgw.core.slab import Counters
from fastgw.server.slab import Slab


@pytest.fixture
def slab() -> Iterator[Slab]:
    slab = Slab()
    yield slab
    slab.close()


def test_what_a_worker_counts_is_seen_through_the_descriptor(slab: Slab) -> None:
    memory = mmap.mmap(os.dup(slab.fd), layout.SLAB_BYTES)
    values = Counters(memoryview(memory)).values
    values[layout.CONNECTIONS] += 3
    values[layout.SLAB_VALUES - 1] += 1
    assert slab.values[layout.CONNECTIONS] == 3 and slab.values[layout.SLAB_VALUES - 1] == 1


def test_it_cannot_shrink_under_its_readers(slab: Slab) -> None:
    with pytest.raises(PermissionError):
        os.ftruncate(slab.fd, 0)


def test_memory_that_is_not_used_is_not_there(slab: Slab) -> None:
    slab.values[layout.CONNECTIONS] = 1
    slab.settle([0, 1], [0], [0])
    assert os.fstat(slab.fd).st_blocks * 512 <= 5 * mmap.PAGESIZE


def test_a_death_ends_what_was_under_way(slab: Slab) -> None:
    values = slab.values
    route, endpoint = layout.ROUTE.base(2), layout.ENDPOINT.base(5)
    service = layout.SERVICE.base(3)
    values[layout.CONNECTIONS], values[layout.CONNECTIONS_OPEN], values[layout.EXCHANGES_OPEN] = 9, 4, 3
    values[route + layout.ROUTE_STARTED], values[route + layout.ROUTE_FINISHED] = 10, 7
    values[route + layout.ROUTE_PLACES], values[route + layout.ROUTE_OVER_LIMIT] = 2, 5
    values[service + layout.SERVICE_REQUESTS], values[service + layout.SERVICE_UNANSWERED] = 10, 1
    for digit in range(6):
        values[service + layout.SERVICE_ANSWERS_US + digit * layout.HISTOGRAM_SIZE] = 500
        values[service + layout.SERVICE_ANSWERS_US + digit * layout.HISTOGRAM_SIZE + 1 + digit] = 1
    values[endpoint + layout.ENDPOINT_ACTIVE], values[endpoint + layout.ENDPOINT_REQUESTS] = 3, 10
    under_way = [(layout.ROUTE, 2), (layout.SERVICE, 3), (layout.ENDPOINT, 5)]
    assert not any(slab.is_quiet(block, slot) for block, slot in under_way)
    slab.settle([2], [3], [5])
    assert values[layout.CONNECTIONS] == 9
    assert values[layout.CONNECTIONS_OPEN] == values[layout.EXCHANGES_OPEN] == 0
    assert values[route + layout.ROUTE_FINISHED] == 10 and values[route + layout.ROUTE_FAULT_INTERNAL] == 3
    assert values[route + layout.ROUTE_PLACES] == 0 and values[route + layout.ROUTE_OVER_LIMIT] == 5
    assert values[endpoint + layout.ENDPOINT_ACTIVE] == 0 and values[endpoint + layout.ENDPOINT_REQUESTS] == 10
    assert values[service + layout.SERVICE_UNANSWERED] == 4
    assert all(slab.is_quiet(block, slot) for block, slot in under_way)


def test_clearing_a_block_leaves_its_neighbours(slab: Slab) -> None:
    start = layout.ROUTE.base(0)
    for index in range(start, start + 3 * layout.ROUTE.size):
        slab.values[index] = 7
    slab.clear(layout.ROUTE, 1)
    found = list(slab.values[start : start + 3 * layout.ROUTE.size])
    assert found == [7] * layout.ROUTE.size + [0] * layout.ROUTE.size + [7] * layout.ROUTE.size
    slab.values[layout.ENDPOINT.base(0)] = 1
    slab.clear(layout.ENDPOINT, 0)
    assert slab.values[layout.ENDPOINT.base(0)] == 0


def test_the_counts_of_another_one_are_added(slab: Slab) -> None:
    other = Slab(os.dup(slab.fd))  # the same memory
    other.values[layout.CONNECTIONS] = 2
    assert slab.values[layout.CONNECTIONS] == 2
    other.close()
    other = Slab()
    other.values[layout.CONNECTIONS] = 3
    other.values[layout.ROUTE.base(4)] = 5
    other.values[layout.ROUTE.base(5)] = 6
    slab.absorb(other, {layout.ROUTE: [0, 4]})
    other.close()
    assert slab.values[layout.CONNECTIONS] == 5
    assert (slab.values[layout.ROUTE.base(4)], slab.values[layout.ROUTE.base(5)]) == (5, 0)
