"""What a request costs us is measured of one in 64, from what is read to what is written, without what others take."""

from __future__ import annotations

from itertools import count
from typing import Any

from fastgw.core import counters
from fastgw.core.blocks import HISTOGRAM_SIZE
from fastgw.core.plane import TIMED_EVERY
from fastgw.testing.edge import GET, OK, Edge, statuses
from tests.support.retried import BUSY, PLENTY

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok"


class Timed(Edge):
    """An Edge whose clock says a millisecond more each time that it is asked, and whose next request is measured."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        ticks = count(1000)
        self.plane.clock = lambda: next(ticks) / 1e3
        self.plane.until_timed = 1

    @property
    def measured(self) -> int:
        first = counters.OVERHEAD_US + 1
        return sum(self.plane.values[first : first + HISTOGRAM_SIZE - 1])

    @property
    def micros(self) -> int:
        return int(self.plane.values[counters.OVERHEAD_US])


def test_it_is_the_time_of_both_ways() -> None:
    edge = Timed()
    client, service = edge.pair()
    assert edge.measured == 0  # it has waited for its connection
    service.feed(OK)
    edge.plane.until_timed = 1
    client.feed(GET)
    service.feed(ANSWER)
    assert edge.measured == 0
    for _ in range(100):
        edge.plane.clock()  # what the service takes in between is none of ours
    service.feed(b"ay")
    assert edge.measured == 1 and 3_000 <= edge.micros < 50_000
    assert statuses(client.take()) == [200, 200]
    edge.end()


def test_one_in_so_many_is_measured() -> None:
    edge = Timed()
    client, service = edge.pair()
    service.feed(OK)
    for _ in range(3 * TIMED_EVERY):
        client.feed(GET)
        service.feed(OK)
    assert edge.measured == 3
    edge.end()


def test_the_lateness_of_the_loop_belongs_to_it() -> None:
    edge = Timed()
    client, service = edge.pair()
    service.feed(OK)
    edge.plane.lag, edge.plane.until_timed = 2.5, 1
    client.feed(GET)
    service.feed(OK)
    assert edge.measured == 1 and edge.micros > 2_500_000
    edge.end()


def test_one_that_is_asked_elsewhere_or_left_is_not_measured() -> None:
    edge = Timed(endpoints=2)
    client, service = edge.pair()
    service.feed(OK)
    edge.plane.until_timed = 1
    client.feed(GET)
    service.lose()
    edge.run()
    other = next(
        (one.transport for one in edge.loop.attempts if one.transport is not None and not one.transport.is_lost), None
    )
    if other is None:
        other = edge.connect()
    other.feed(OK)
    edge.plane.until_timed = 1
    client.feed(GET)
    client.lose()
    edge.run()
    assert edge.measured == 0
    edge.end()


def test_one_that_another_member_is_asked_for_behind_an_answer_is_not_measured() -> None:
    edge = Timed(endpoints=2, service={"on": ("503",), "budget": PLENTY})
    client, first = edge.pair()
    first.feed(OK)
    edge.plane.until_timed = 1
    client.feed(GET)
    second = edge.connect() if edge.attempts else first
    if second is not first:  # it was the turn of the other, which is not connected yet
        second.feed(OK)
        edge.plane.until_timed = 1
        client.feed(GET)
        second = first
    second.feed(BUSY)
    edge.run()
    others = [one.transport for one in edge.loop.attempts if one.transport is not None and one.transport is not first]
    (others[0] if others and others[0] is not None else edge.connect()).feed(OK)
    assert statuses(client.take())[-1] == 200
    assert edge.count(counters.RETRIES) == 1 and edge.measured == 0
    edge.end()
