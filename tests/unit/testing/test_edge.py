"""An Edge tells a story as short as the documentation says, and notices what is left behind."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.testing import GET, OK, Edge, Gate, MockLoop, Spy, body_of, head_of, statuses


def test_a_filter_is_tested_in_five_lines() -> None:
    edge = Edge(
        filters=[Spy("mine", journal := [], request=lambda exchange: exchange.request.set_header(b"x-a", b"b"))]
    )
    client, service = edge.pair(GET)
    assert b"x-a: b\r\n" in service.take()
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()
    assert journal == ["mine.request", "mine.response", "mine.done"]


def test_a_timer_that_is_left_behind_fails_the_test() -> None:
    def forgets(exchange: Any) -> None:
        edge.loop.call_later(60.0, print)

    edge = Edge(filters=[Spy("mine", [], done=forgets)])
    edge.pair(GET)[1].feed(OK)
    with pytest.raises(AssertionError):
        edge.end()


def test_a_gauge_that_does_not_fit_fails_the_test() -> None:
    edge = Edge()
    edge.check()
    edge.plane.body_bytes += 1
    with pytest.raises(AssertionError):
        edge.check()


def test_a_gate_opens_when_the_test_says_so() -> None:
    loop: Any = MockLoop()  # type: ignore[abstract]
    gate = Gate(loop)
    edge = Edge(filters=[Spy("mine", [], request=gate)], loop=loop)
    client = edge.client(GET)
    assert not edge.attempts
    gate.open()
    edge.connect().feed(OK)
    answer = client.take()
    assert head_of(answer).startswith(b"http/1.1 200 ") and body_of(answer) == b"ok"
    edge.end()
