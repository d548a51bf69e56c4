"""The counters of a worker as memory."""

from __future__ import annotations

import pytest

from fastgw.core.counters import SLAB_BYTES, SLAB_VALUES
from fastgw.core.slab import Counters


def test_they_are_a_view_of_memory_that_has_room_for_all() -> None:
    buffer = bytearray(SLAB_BYTES)
    found = Counters(memoryview(buffer))
    found.values[SLAB_VALUES - 1] += 3
    assert buffer[-8:] == (3).to_bytes(8, "little")
    with pytest.raises(ValueError, match=f"needs {SLAB_VALUES}"):
        Counters(memoryview(bytearray(SLAB_BYTES - 8)))
