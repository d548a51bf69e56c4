"""Rows get places, and say what they are."""

from __future__ import annotations

import pytest

from fastgw.core.blocks import COUNTER, DURATION_BUCKETS, GAUGE, HISTOGRAM, HISTOGRAM_SIZE, Block


def test_places_follow_the_order_of_the_rows() -> None:
    block = Block(100, 64, 2, "route")
    assert block.counter("a", "One.") == 0
    assert block.counter("b", "Three.", label="kind", values=("x", "y", "z")) == 1
    assert block.histogram("c", "Times.", labels=("http_route",)) == 4
    assert block.gauge("d", "Now.", "More.") == 4 + HISTOGRAM_SIZE
    assert [(row.name, row.kind, row.labels) for row in block] == [
        ("a", COUNTER, ("route",)),
        ("b", COUNTER, ("route", "kind")),
        ("c", HISTOGRAM, ("http_route",)),
        ("d", GAUGE, ("route",)),
    ]
    assert block.gauges == (4 + HISTOGRAM_SIZE,)


def test_a_row_with_a_label_of_its_own_has_a_place_for_each_value() -> None:
    block = Block(0, 64, 1)
    block.counter("a", "One.")
    block.counter("b", "Two.", label="kind", values=("x", "y"))
    block.histogram("c", "Times.", label="class", values=("1", "2"))
    one, two, times = block
    assert list(one.places()) == [((), 0)]
    assert list(two.places()) == [(("x",), 1), (("y",), 2)]
    assert list(times.places()) == [(("1",), 3), (("2",), 3 + HISTOGRAM_SIZE)]
    assert (two.size, times.size) == (1, len(DURATION_BUCKETS) + 2)


def test_blocks_lie_one_behind_the_other() -> None:
    block = Block(10, 4, 3)
    assert [block.base(slot) for slot in range(3)] == [10, 14, 18]
    assert block.end == block.base(3) == 22


def test_a_row_too_many_is_an_error() -> None:
    block = Block(0, 2, 1)
    block.counter("a", "One.")
    with pytest.raises(ValueError, match=r"a block of 2 counters has no room for 'b'"):
        block.counter("b", "Two.", label="kind", values=("x", "y"))
    with pytest.raises(ValueError, match=r"no room for 'Nameless\.'"):
        Block(0, 0, 1).gauge("", "Nameless.")


def test_a_room_has_its_places_whenever_its_rows_are_added() -> None:
    block = Block(8, 5, 1)
    block.counter("a", "One.")
    room = block.room(2)
    assert block.counter("b", "Behind the room.") == 3
    assert room.gauge("c", "In it.") == 1 and room.counter("d", "In it.") == 2
    assert [row.name for row in block] == ["a", "c", "d", "b"] and block.gauges == (1,)
    with pytest.raises(ValueError, match=r"no room for 'e'"):
        room.counter("e", "One too many.")
    with pytest.raises(ValueError, match=r"a block of 5 counters has no room for 2 more"):
        block.room(2)
