"""How each try ends: settled with once, by its outcome and the time that took."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.errors import GatewayError
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, SWITCHING, WEBSOCKET, Edge, Gate, Spy, new_loop, statuses


class Notes:
    """A judge that writes down what it is told: port, status or code, seconds."""

    def __init__(self, edge: Edge) -> None:
        self.told: list[tuple[int, object, float]] = []
        edge.service.judge = edge.service.members.judge = self

    def settle(self, endpoint: Any, outcome: GatewayError | int, seconds: float) -> None:
        said = outcome if isinstance(outcome, int) else outcome.code
        self.told.append((endpoint.key.address.port, said, round(seconds, 3)))


def test_a_try_is_settled_with_when_the_head_has_come() -> None:
    edge = Edge()
    notes = Notes(edge)
    client, service = edge.pair()
    edge.loop.advance(2.0)
    service.feed(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nno")
    assert notes.told == [(9000, 404, 2.0)]
    edge.loop.advance(1.0)
    service.feed(b"ne")
    client.feed(GET)
    edge.loop.advance(0.5)
    service.feed(OK)
    assert statuses(client.take()) == [404, 200]
    assert notes.told[1:] == [(9000, 200, 0.5)]
    edge.end()


def test_what_happens_behind_the_head_is_not_its_outcome() -> None:
    edge = Edge()
    notes = Notes(edge)
    _, service = edge.pair()
    service.feed(OK[:-1])
    service.lose(ConnectionResetError())
    edge.run()
    gone, service = edge.pair()
    service.feed(OK[:-1])
    gone.lose()
    edge.run()
    assert [said for _, said, _ in notes.told] == [200, 200]
    edge.end()


def test_a_try_that_is_refused_and_the_one_after_it() -> None:
    edge = Edge(endpoints=2)
    notes = Notes(edge)
    edge.client(GET)
    edge.loop.advance(0.3)
    edge.refuse()
    edge.loop.advance(0.2)
    service = edge.connect(port=9001)
    edge.loop.advance(1.5)
    service.feed(OK)
    assert notes.told == [(9000, "connect_refused", 0.0), (9001, 200, 1.5)]
    edge.end()


def test_a_reset_before_the_head_and_an_answer_that_is_none() -> None:
    edge = Edge(endpoints=2)
    notes = Notes(edge)
    _, service = edge.pair()
    edge.loop.advance(0.75)
    service.lose(ConnectionResetError())
    edge.run()
    edge.connect(port=9001).feed(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")
    assert notes.told == [(9000, "upstream_reset", 0.75), (9001, "bad_answer", 0.0)]
    edge.end()


def test_a_service_that_is_silent_and_one_without_room() -> None:
    edge = Edge(route={"answer_timeout": 3.0}, pool=usual.pool(max_connections=1, max_pending=1))
    notes = Notes(edge)
    edge.pair()
    edge.client(GET)
    edge.client(GET)
    assert notes.told == [(9000, "pool_full", 0.0)]
    edge.loop.advance(3.3)
    assert [said for _, said, _ in notes.told] == ["pool_full", "answer_timeout"]
    assert 3.0 <= notes.told[-1][2] <= 3.3
    edge.end()


@pytest.mark.parametrize("is_sent", [False, True])
def test_a_client_that_leaves_is_told_as_its_own_fault(is_sent: bool) -> None:
    edge = Edge()
    notes = Notes(edge)
    client = edge.client(GET)
    if is_sent:
        edge.connect()
    edge.loop.advance(0.5)
    client.lose()
    edge.run()
    assert notes.told == [(9000, "client_gone", 0.5 if is_sent else 0.0)]
    assert edge.of_endpoint(counters.ENDPOINT_FAILURES) == 0
    edge.end()


def test_a_client_that_leaves_while_its_error_waits_for_a_hook_changes_nothing() -> None:
    loop = new_loop()
    gate = Gate(loop)
    edge = Edge(loop=loop, filters=[Spy("slow", [], response=gate)])
    notes = Notes(edge)
    client = edge.client(GET)
    edge.refuse()
    client.lose()
    edge.run()
    assert notes.told == [(9000, "connect_refused", 0.0)]
    edge.end()


def test_an_interim_answer_is_no_outcome_and_an_upgrade_is_one() -> None:
    edge = Edge(route={"upgrades": ("websocket",)})
    notes = Notes(edge)
    _, service = edge.pair(WEBSOCKET)
    service.feed(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    assert not notes.told
    edge.loop.advance(0.25)
    service.feed(SWITCHING)
    service.lose()
    edge.run()
    assert notes.told == [(9000, 101, 0.25)]
    edge.end()


def test_a_connection_that_nobody_waits_for_is_no_try() -> None:
    edge = Edge(pool=usual.pool(warm=1))
    notes = Notes(edge)
    edge.refuse()
    assert not notes.told and edge.of_endpoint(counters.ENDPOINT_CONNECT_FAILURES) == 1
    edge.end()
