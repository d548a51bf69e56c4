"""The rows of placement have places of their own, whenever they are imported."""

from __future__ import annotations

from fastgw.core import counters, placement_counters
from fastgw.core.blocks import Block


def test_they_lie_behind_those_of_the_service_and_in_its_block() -> None:
    rows = {row.name: row for row in counters.SERVICE}
    found = rows["fastgw_prefix_picks"]
    assert found.labels == ("service", "placement") and found.index == placement_counters.PREFIX_PICKS
    assert counters.SERVICE_LIMIT < found.index < counters.SERVICE.size
    block = Block(0, 8, 1)
    block.counter("a", "One.")
    room = block.room(4)
    assert (block.counter("c", "Behind."), room.counter("b", "Two."), room.counter("d", "Three.")) == (5, 1, 2)
