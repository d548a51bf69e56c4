"""What an exchange asks of the gate of its service, and when."""

from __future__ import annotations

from typing import Any

from fastgw.errors import InternalError
from fastgw.testing.edge import GET, OK, POST, Edge, statuses


class Ticket:
    def __init__(self, journal: list[str]) -> None:
        self._journal = journal

    def cancel(self) -> None:
        self._journal.append("cancel")

    def leave(self) -> None:
        self._journal.append("leave")


class Door:
    """Does with each exchange what the test says, when it enters and when it asks for an endpoint."""

    def __init__(self, *, enters: str = "goes on", asks: str = "goes on") -> None:
        self.journal: list[str] = []
        self.waits: list[Any] = []
        self._enters, self._asks = enters, asks

    def enter(self, exchange: Any, is_late: bool) -> bool:
        self.journal.append("enter")
        return self._does(self._enters, exchange)

    def admits(self, exchange: Any) -> bool:
        self.journal.append("admits")
        return self._does(self._asks, exchange)

    def _does(self, what: str, exchange: Any) -> bool:
        if what == "refuses":
            exchange.fail(InternalError(503, "queue_full", "too many"))
        elif what != "leaves it":
            exchange.ticket = Ticket(self.journal)
            if what == "waits":
                self.waits.append(exchange)
        return what in ("goes on", "leaves it")


def edge_with(door: Door, **options: Any) -> Edge:
    edge = Edge(**options)
    edge.service.gate = door
    return edge


def test_a_place_is_given_back_at_the_end() -> None:
    door = Door()
    edge = edge_with(door)
    client, service = edge.pair()
    assert door.journal == ["enter"]
    service.feed(OK)
    assert statuses(client.take()) == [200]
    assert door.journal == ["enter", "leave"]
    edge.end()


def test_who_is_refused_never_asks_an_endpoint() -> None:
    door = Door(enters="refuses")
    edge = edge_with(door)
    client = edge.client(POST)
    assert statuses(client.take()) == [503]
    assert not edge.attempts
    assert door.journal == ["enter"]
    edge.end()


def test_who_waits_goes_on_when_admitted() -> None:
    door = Door(enters="waits")
    edge = edge_with(door)
    client = edge.client(GET)
    assert not edge.attempts
    door.waits[0].on_admitted()
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    assert door.journal == ["enter", "leave"]
    edge.end()


def test_who_waits_with_its_body_asks_an_endpoint_when_admitted() -> None:
    door = Door(enters="leaves it", asks="waits")
    edge = edge_with(door, route={"body_buffer": 100})
    client = edge.client(POST + b"ab")
    assert door.journal == ["enter"]
    client.feed(b"cde")
    assert door.journal == ["enter", "admits"]
    assert not edge.attempts
    door.waits[0].ask_anew()
    service = edge.connect()
    assert service.take().endswith(b"\r\n\r\nabcde")
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_a_client_that_leaves_the_line_is_told_of() -> None:
    door = Door(enters="waits")
    edge = edge_with(door)
    edge.client(GET).lose()
    edge.run()
    assert door.journal == ["enter", "cancel", "leave"]
    edge.end()


def test_a_place_is_kept_through_all_tries() -> None:
    door = Door()
    edge = edge_with(door, endpoints=2)
    client = edge.client(GET)
    edge.refuse()
    assert "leave" not in door.journal
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    assert door.journal == ["enter", "cancel", "leave"]
    edge.end()
