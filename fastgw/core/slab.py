"""The counters of one worker as memory: what ``core.counters`` has places in."""

from __future__ import annotations

from fastgw.core.counters import SLAB_VALUES


class Counters:
    """Typed view of one slab; ``values[index] += 1`` is the whole interface of the hot path."""

    __slots__ = ("values",)

    def __init__(self, buffer: memoryview) -> None:
        """``buffer``: ``SLAB_BYTES`` writable bytes (a mapped memfd, or a bytearray in tests)."""
        self.values = buffer.cast("Q")
        if len(self.values) < SLAB_VALUES:
            raise ValueError(f"counter slab has {len(self.values)} values, needs {SLAB_VALUES}")
