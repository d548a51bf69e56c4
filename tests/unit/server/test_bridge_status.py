"""What ``/status`` tells of connections to brokers."""

from __future__ import annotations

from fastgw.core import bridge_counters as rows
from fastgw.core.counters import BRIDGE
from fastgw.server.bridge_status import bridge_document


def test_what_was_counted_in_words() -> None:
    block = [0] * BRIDGE.size
    assert bridge_document(block) == {}
    for number, place in enumerate((rows.CONNECTIONS, rows.FAILURES + 2, rows.PUBLISHED, rows.QUEUED), 1):
        block[place - BRIDGE.at] = number
    found = bridge_document(block)
    assert found["connections"] == 1 and found["failures"]["refused"] == 2 and sum(found["failures"].values()) == 2
    assert found["messages"]["published"] == 3 and found["messages"]["queued"] == 4
