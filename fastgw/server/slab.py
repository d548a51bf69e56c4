"""The shared memory of one worker's counters, as the supervisor holds it."""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Iterable

from fastgw.core import counters as layout

_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


class Slab:
    """An anonymous file of ``SLAB_BYTES``, mapped; it outlives the worker processes that use it in turn."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("fastgw-counters", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.fd, layout.SLAB_BYTES)
        fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, _SEALS)  # a mapping of it can never fault
        self._map = mmap.mmap(self.fd, layout.SLAB_BYTES)
        self.values = memoryview(self._map).cast("Q")

    def settle(self, routes: Iterable[int], endpoints: Iterable[int]) -> None:
        """Account for a worker that died: gauges become 0, exchanges it took with it end as internal faults.

        ``routes``, ``endpoints``: slots in use.  Only these are touched, because reading unused memory would allocate
        it.
        """
        values = self.values
        for index in layout.GAUGES_GLOBAL:
            values[index] = 0
        for slot in routes:
            base = layout.ROUTES_AT + slot * layout.ROUTE_SIZE
            lost = values[base + layout.ROUTE_STARTED] - values[base + layout.ROUTE_FINISHED]
            if lost > 0:
                values[base + layout.ROUTE_FINISHED] += lost
                values[base + layout.ROUTE_FAULT_INTERNAL] += lost
            for index in layout.GAUGES_ROUTE:
                values[base + index] = 0
        for slot in endpoints:
            base = layout.ENDPOINTS_AT + slot * layout.ENDPOINT_SIZE
            for index in layout.GAUGES_ENDPOINT:
                values[base + index] = 0

    def clear_route(self, slot: int) -> None:
        """Zero a route's block, for a new owner of the slot."""
        _clear(self.values, layout.ROUTES_AT + slot * layout.ROUTE_SIZE, layout.ROUTE_SIZE)

    def clear_endpoint(self, slot: int) -> None:
        """Zero an endpoint's block, for a new owner of the slot."""
        _clear(self.values, layout.ENDPOINTS_AT + slot * layout.ENDPOINT_SIZE, layout.ENDPOINT_SIZE)

    def is_route_quiet(self, slot: int) -> bool:
        """No exchange that began on the route is still under way."""
        base = layout.ROUTES_AT + slot * layout.ROUTE_SIZE
        return self.values[base + layout.ROUTE_STARTED] == self.values[base + layout.ROUTE_FINISHED]

    def is_endpoint_quiet(self, slot: int) -> bool:
        """No exchange and no connection is on the endpoint."""
        base = layout.ENDPOINTS_AT + slot * layout.ENDPOINT_SIZE
        return not any(self.values[base + index] for index in layout.GAUGES_ENDPOINT)

    def close(self) -> None:
        """Let the memory go once the worker has let it go too."""
        self.values.release()
        self._map.close()
        os.close(self.fd)


def _clear(values: memoryview[int], start: int, size: int) -> None:
    for index in range(start, start + size):
        values[index] = 0
