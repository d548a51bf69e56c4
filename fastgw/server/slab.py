"""The shared memory of one worker's counters, as the supervisor holds it."""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Iterable, Mapping

from fastgw.core import counters as layout
from fastgw.core.blocks import Block
from fastgw.telemetry.answers import answers_of

_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


class Slab:
    """An anonymous file of ``SLAB_BYTES``, mapped; it outlives the worker processes that use it in turn."""

    def __init__(self, fd: int = -1) -> None:
        """``fd``: of a slab that is there already, with the same layout, which is ours to close now; -1: a new one."""
        if fd < 0:
            fd = os.memfd_create("fastgw-counters", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            os.ftruncate(fd, layout.SLAB_BYTES)
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)  # a mapping of it can never fault
        self.fd = fd
        self._map = mmap.mmap(self.fd, layout.SLAB_BYTES)
        self.values = memoryview(self._map).cast("Q")

    def settle(self, routes: Iterable[int], services: Iterable[int], endpoints: Iterable[int]) -> None:
        """Account for a worker that died: gauges become 0, exchanges it took with it end as internal faults, and without an answer.

        ``routes``, ``services``, ``endpoints``: slots in use.  Only these are touched, because reading unused memory would allocate
        it.
        """
        values = self.values
        self._still(layout.GLOBAL, 0)
        self._still(layout.BRIDGE, 0)
        for slot in routes:
            base = layout.ROUTE.base(slot)
            lost = self._under_way(layout.ROUTE, slot)
            if lost > 0:
                values[base + layout.ROUTE_FINISHED] += lost
                values[base + layout.ROUTE_FAULT_INTERNAL] += lost
            self._still(layout.ROUTE, slot)
        for slot in services:
            lost = self._under_way(layout.SERVICE, slot)
            if lost > 0:
                values[layout.SERVICE.base(slot) + layout.SERVICE_UNANSWERED] += lost
            self._still(layout.SERVICE, slot)
        for slot in endpoints:
            self._still(layout.ENDPOINT, slot)

    def absorb(self, other: Slab, slots: Mapping[Block, Iterable[int]]) -> None:
        """Add what ``other`` has counted, whose worker is dead and settled, in the ``slots`` in use."""
        for block, numbers in (*slots.items(), (layout.GLOBAL, (0,)), (layout.BRIDGE, (0,))):
            for slot in numbers:
                span = slice(block.base(slot), block.base(slot + 1))
                counts = other.values[span].tolist()
                if any(counts):  # else memory would be made for nothing
                    for index, count in enumerate(counts, span.start):
                        self.values[index] += count

    def clear(self, block: Block, slot: int) -> None:
        """Zero a block, for a new owner of the slot."""
        for index in range(block.base(slot), block.base(slot + 1)):
            self.values[index] = 0

    def is_quiet(self, block: Block, slot: int) -> bool:
        """Nothing that began there is still under way: no exchange, and no connection of an endpoint."""
        return not self._under_way(block, slot)

    def _under_way(self, block: Block, slot: int) -> int:
        values, base = self.values, block.base(slot)
        if block is layout.ROUTE:
            return values[base + layout.ROUTE_STARTED] - values[base + layout.ROUTE_FINISHED]
        if block is layout.SERVICE:
            counts = values[base : block.base(slot + 1)]
            return counts[layout.SERVICE_REQUESTS] - counts[layout.SERVICE_UNANSWERED] - sum(answers_of(counts))
        return sum(values[base + index] for index in block.gauges)  # a filter has none: it is never under way

    def _still(self, block: Block, slot: int) -> None:
        for index in block.gauges:
            self.values[block.base(slot) + index] = 0

    def close(self) -> None:
        """Let the memory go once the worker has let it go too."""
        self.values.release()
        self._map.close()
        os.close(self.fd)
