"""The rows of connections to brokers have a block of the worker."""

from __future__ import annotations

from fastgw.core import bridge_counters as rows
from fastgw.core.counters import BRIDGE, LIMIT, MODEL


def test_each_has_its_place_in_the_slab() -> None:
    places = [place for row in BRIDGE if "bridge" in row.name for _, place in row.places()]
    assert len(places) == len(set(places)) and all(0 <= place < BRIDGE.size for place in places)
    assert MODEL.end == BRIDGE.at <= rows.CONNECTIONS < rows.QUEUED < BRIDGE.end == LIMIT.at
    assert rows.REFUSED + len(rows.WRONGS) == rows.QUEUED
