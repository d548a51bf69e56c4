"""Walking over a chunked body."""

from __future__ import annotations

import pytest

from bench.micro.stage import EVENT, Benchmark
from fastgw.wire.chunked import ChunkReader


@pytest.mark.parametrize("count", [1, 16], ids=lambda count: f"{count}-chunks-a-read")
def test_feed(benchmark: Benchmark, count: int) -> None:
    """Events, one or many in a read."""
    reader, data = ChunkReader(8192, 100), EVENT * count
    assert benchmark(reader.feed, data, 0) == data
