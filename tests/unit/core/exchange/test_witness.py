"""Who is told how tries begin and end, and of which exchanges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fastgw.core.exchange.about import TRACE
from fastgw.testing.edge import GET, OK, Edge, Gate, Spy, new_loop, statuses
from tests.support.retried import PLENTY


class Told:
    """A witness, and a filter that has each exchange be one it is told of."""

    name = "told"

    def __init__(self, *, notes: bool = True) -> None:
        self.journal: list[str] = []
        self._notes = notes

    def request(self, exchange: Any) -> None:
        if self._notes:
            exchange.note(TRACE, self)

    def on_ask(self, exchange: Any) -> None:
        self.journal.append(f"ask {exchange.endpoint.key.address.port}")

    def on_carrier(self, exchange: Any) -> None:
        self.journal.append("carrier")

    def on_answer(self, exchange: Any) -> None:
        self.journal.append("answer")

    def on_failure(self, exchange: Any, error: Any) -> None:
        self.journal.append(error.code)

    def watched(self, name: str, kind: str, go_on: Callable[[Any], None]) -> Callable[[Any], None]:
        """As a trace."""
        self.journal.append(f"{name} waits, {kind}")
        return go_on


@pytest.mark.parametrize("more", [{}, {"try_timeout": 9.0}])
def test_it_is_told_of_each_try(more: dict[str, Any]) -> None:
    told = Told()
    edge = Edge(endpoints=2, filters=[told], service={"attempts": 2, "budget": PLENTY, "witness": told, **more})
    client = edge.client(GET)
    edge.refuse()
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    first, failed, second, carrier, _ = told.journal
    assert {first, second} == {"ask 9000", "ask 9001"}
    assert (failed, carrier, told.journal[-1]) == ("connect_refused", "carrier", "answer")
    edge.end()


def test_it_is_told_nothing_of_others() -> None:
    told = Told(notes=False)
    edge = Edge(filters=[told], service={"attempts": 1, "witness": told})
    client = edge.client(GET)
    edge.refuse()
    assert statuses(client.take()) == [502]
    assert told.journal == []
    edge.end()


def test_a_trace_is_told_of_a_filter_that_waits() -> None:
    told, loop = Told(), new_loop()
    gate = Gate(loop)
    edge = Edge(loop=loop, filters=[told, Spy("slow", [], request=gate)], service={"witness": told})
    client = edge.client(GET)
    assert told.journal == ["slow waits, request"]
    gate.open()
    edge.run()
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()
