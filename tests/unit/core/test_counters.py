"""The layout of a worker's slab."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fastgw.core import counters
from fastgw.core.counters import Counters


def test_blocks_do_not_overlap() -> None:
    assert Counters.route_base(0) == counters.GLOBAL_SIZE
    assert Counters.route_base(counters.MAX_ROUTES) == Counters.endpoint_base(0)
    assert Counters.endpoint_base(counters.MAX_ENDPOINTS) == counters.SLAB_VALUES
    assert counters.ROUTE_BUCKETS + len(counters.DURATION_BUCKETS) < counters.ROUTE_SIZE
    assert max(counters.GAUGES_ENDPOINT) < counters.ENDPOINT_SIZE


def test_values_are_those_of_the_buffer() -> None:
    buffer = bytearray(counters.SLAB_BYTES)
    Counters(memoryview(buffer)).values[1] = 7
    assert Counters(memoryview(buffer)).values[1] == 7
    assert buffer[8] == 7


def test_slab_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="needs"):
        Counters(memoryview(bytearray(counters.SLAB_BYTES - 8)))


def test_constants_of_the_c_compiler_are_these() -> None:
    """``_counters.pxd`` writes the layout down once more."""
    text = Path(counters.__file__).with_name("_counters.pxd").read_text()
    found = {name: int(value) for name, value in re.findall(r"^    (\w+) = (\d+)$", text, flags=re.MULTILINE)}
    assert len(found) == text.count(" = ")  # every line was understood
    assert found == {name: value for name, value in vars(counters).items() if name.isupper() and type(value) is int}
