"""What is recorded reaches the supervisor in batches, or is counted as dropped."""

from __future__ import annotations

import marshal

from fastgw.core import counters
from fastgw.filters.span_buffer import BATCH_BYTES, FLUSH_SECONDS, MOST_BYTES, SpanBuffer
from tests.support.traced import TracedEdge

RECORD = (b"1" * 32, 1, b"", (("GET", 2),))
LARGE = (b"1" * 32, 1, b"", (("x" * (BATCH_BYTES // 2), 2), ("GET", 2)))


def taken(edge: TracedEdge) -> list[list[object]]:
    return [[marshal.loads(one) for one in message.records] for message in edge.offers]


def test_records_leave_together_after_a_moment() -> None:
    edge = TracedEdge()
    buffer = SpanBuffer(edge.plane)
    buffer.add(RECORD)
    buffer.add(RECORD)
    assert not edge.offers
    edge.loop.advance(FLUSH_SECONDS + 0.01)
    assert taken(edge) == [[RECORD, RECORD]]
    edge.loop.advance(10 * FLUSH_SECONDS)
    assert len(edge.offers) == 1
    edge.end()


def test_many_bytes_leave_at_once() -> None:
    edge = TracedEdge()
    buffer = SpanBuffer(edge.plane)
    buffer.add(LARGE)
    assert not edge.offers
    buffer.add(LARGE)
    assert taken(edge) == [[LARGE, LARGE]]
    buffer.finish()
    edge.end()


def test_a_supervisor_that_takes_nothing_is_not_waited_for_and_what_is_too_much_is_counted() -> None:
    edge = TracedEdge()
    edge.is_taking = False
    buffer = SpanBuffer(edge.plane)
    size = len(marshal.dumps(LARGE))
    for _ in range(MOST_BYTES // size + 3):
        buffer.add(LARGE)
    assert edge.count(counters.SPANS_DROPPED) == 3 * len(LARGE[-1])
    edge.loop.advance(1.0)
    edge.is_taking = True
    edge.loop.advance(FLUSH_SECONDS + 0.01)
    assert [len(one) for one in taken(edge)] == [MOST_BYTES // size]
    buffer.add(RECORD)
    edge.loop.advance(FLUSH_SECONDS + 0.01)
    assert taken(edge)[-1] == [RECORD]
    edge.end()


def test_the_end_sends_what_there_is_and_leaves_no_timer() -> None:
    edge = TracedEdge()
    buffer = SpanBuffer(edge.plane)
    buffer.add(RECORD)
    buffer.finish()
    assert taken(edge) == [[RECORD]]
    buffer.add(RECORD)  # of an exchange that began before
    assert taken(edge) == [[RECORD], [RECORD]]
    edge.end()


def test_without_a_supervisor_it_stays_within_its_bound() -> None:
    edge = TracedEdge()
    edge.plane.offer = None
    buffer = SpanBuffer(edge.plane)
    for _ in range(2 * MOST_BYTES // len(marshal.dumps(LARGE))):
        buffer.add(LARGE)
    assert edge.count(counters.SPANS_DROPPED) > 0
    buffer.finish()
    edge.end()
