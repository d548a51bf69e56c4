"""``fault``: who is delayed, refused and cut."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.labels import INJECTED
from fastgw.filters.fault import CUT, Fault
from fastgw.testing.edge import GET, OK, Edge, body_of, statuses

OPTIONS: dict[str, Any] = {"delay": (0.0, 0.0), "abort": 0, "share": 1.0, "headers": ()}


class FaultyEdge(Edge):
    """Its route has one fault."""

    def __init__(self, **options: Any) -> None:
        super().__init__(filters=[Fault("faulty", OPTIONS | options)])

    @property
    def injected(self) -> dict[str, int]:
        """Requests by what was done to them."""
        found = {kind: self.of_route(counters.ROUTE_INJECTED + place) for place, kind in enumerate(INJECTED)}
        return {kind: count for kind, count in found.items() if count}


def test_an_abort_is_an_error_that_says_what_it_is() -> None:
    edge = FaultyEdge(abort=503)
    data = edge.client(GET).take()
    assert statuses(data) == [503]
    assert json.loads(body_of(data))["type"] == "urn:fastgw:error:fault_injected"
    assert (edge.injected, edge.attempts) == ({"abort": 1}, [])
    edge.end()


def test_a_cut_ends_the_connection_without_a_byte() -> None:
    edge = FaultyEdge(abort=CUT)
    client = edge.client(GET)
    edge.run()
    assert client.take() == b""
    assert client.is_closing()
    client.lose()
    assert edge.injected == {"cut": 1}
    assert edge.of_route(counters.ROUTE_ABORTED) == 0  # it is not the client that has gone
    edge.end()


@pytest.mark.parametrize(("chance", "expected"), [(0.0, {"abort": 1}), (0.24, {"abort": 1}), (0.25, {}), (0.9, {})])
def test_a_share_is_drawn(chance: float, expected: dict[str, int]) -> None:
    edge = FaultyEdge(abort=500, share=0.25)
    edge.chance = chance
    edge.client(GET).lose()
    assert edge.injected == expected
    edge.end()


@pytest.mark.parametrize(
    ("field", "is_meant"),
    [(b"", False), (b"X-Fault: yes\r\n", True), (b"X-Fault: no\r\n", False), (b"X-Other: yes\r\n", False)],
)
def test_a_fault_may_be_for_those_who_ask(field: bytes, is_meant: bool) -> None:
    edge = FaultyEdge(abort=500, headers=(("x-fault", "yes"),))
    edge.client(GET[:-2] + field + b"\r\n").lose()
    assert bool(edge.injected) is is_meant
    edge.end()


def test_any_value_may_be_meant() -> None:
    edge = FaultyEdge(abort=500, headers=(("x-fault", "*"),))
    edge.client(GET[:-2] + b"X-Fault: 7\r\n\r\n").lose()
    assert edge.injected == {"abort": 1}
    edge.end()


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 2.0), (0.5, 3.0)])
def test_a_delay_is_of_its_range_and_then_the_request_goes_on(
    chance: float, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge, waited = FaultyEdge(delay=(2.0, 4.0)), []

    async def sleep(time: float) -> None:
        waited.append(time)

    monkeypatch.setattr("fastgw.filters.fault.asyncio.sleep", sleep)
    edge.chance = chance
    client = edge.client(GET)
    edge.run()
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    assert (waited, edge.injected) == ([seconds], {"delay": 1})
    edge.end()


def test_behind_its_delay_a_request_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    edge = FaultyEdge(delay=(1.0, 1.0), abort=504)

    async def sleep(_: float) -> None:
        pass

    monkeypatch.setattr("fastgw.filters.fault.asyncio.sleep", sleep)
    client = edge.client(GET)
    edge.run()
    assert statuses(client.take()) == [504]
    assert edge.injected == {"delay": 1, "abort": 1}
    edge.end()


def test_behind_its_delay_a_request_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    edge = FaultyEdge(delay=(1.0, 1.0), abort=CUT)

    async def sleep(_: float) -> None:
        pass

    monkeypatch.setattr("fastgw.filters.fault.asyncio.sleep", sleep)
    client = edge.client(GET)
    edge.run()
    assert client.take() == b"" and client.is_closing()
    client.lose()
    assert edge.injected == {"delay": 1, "cut": 1}
    edge.end()
