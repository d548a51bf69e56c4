"""Who may say which endpoint is asked, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.live.picking import by_field
from fastgw.core.placement_counters import PICKER_OUTCOMES, PICKER_PICKS
from fastgw.testing.edge import GET, OK, Edge, statuses

FIELD = b"X-Gateway-Destination-Endpoint"


class Noting:
    """A filter that picks an endpoint itself, and keeps how one was found."""

    name = "noting"

    def __init__(self, picks: bytes = b"") -> None:
        self.picks = picks
        self.placements: list[Any] = []

    def request(self, exchange: Any) -> None:
        if self.picks:
            exchange.request.edit((FIELD.lower(),), ((FIELD.lower(), self.picks),))

    def done(self, exchange: Any) -> None:
        self.placements.append((exchange.notes or {}).get("placement"))


def edge_of(noting: Noting, trusted: tuple[str, ...] = ("0.0.0.0/0", "::/0")) -> Edge:
    edge = Edge(endpoints=3, filters=[noting], trusted=trusted)
    edge.service.pick_for = by_field(lambda candidates, exchange: candidates[0])
    return edge


def ask(value: bytes) -> bytes:
    return GET[:-2] + FIELD + b": " + value + b"\r\n\r\n"


def outcomes(edge: Edge) -> list[int]:
    at = edge.service.base + PICKER_PICKS
    return [edge.values[at + place] for place in range(len(PICKER_OUTCOMES))]


@pytest.mark.parametrize(
    ("value", "port", "counted", "placement"),
    [
        (b"127.0.0.1:9002", 9002, [1, 0, 0], "picker"),
        (b"127.0.0.1:1, 127.0.0.1:9001", 9001, [0, 1, 0], "picker_other"),
        (b"169.254.169.254:80", 9000, [0, 0, 1], None),
        (b"", 9000, [0, 0, 1], None),
    ],
)
def test_a_peer_that_is_trusted_picks_a_member(
    value: bytes, port: int, counted: list[int], placement: str | None
) -> None:
    noting = Noting()
    edge = edge_of(noting)
    client = edge.client(ask(value))
    service = edge.connect(port=port)
    assert FIELD in service.take()  # gateways behind this one may want to know
    service.feed(OK)
    assert statuses(client.take()) == [200]
    assert (outcomes(edge), noting.placements) == (counted, [placement])
    edge.end()


@pytest.mark.parametrize("trusted", [(), ("198.51.100.0/24",)])
def test_nobody_else_does_and_what_he_says_is_removed(trusted: tuple[str, ...]) -> None:
    edge = edge_of(Noting(), trusted)
    for field in (FIELD, FIELD.upper(), FIELD.replace(b"-", b"_")):
        edge.client(GET[:-2] + field + b": 127.0.0.1:9002\r\n\r\n")
        sent = edge.connect(port=9000).take()
        assert b"destination" not in sent.lower()
    assert outcomes(edge) == [0, 0, 0]
    edge.end()


def test_a_filter_may_whoever_asks() -> None:
    edge = edge_of(Noting(b"127.0.0.1:9001"), ())
    client = edge.client(ask(b"127.0.0.1:9002"))
    service = edge.connect(port=9001)
    service.feed(OK)
    assert statuses(client.take()) == [200] and outcomes(edge) == [1, 0, 0]
    edge.end()


def test_one_that_fails_is_not_asked_again() -> None:
    noting = Noting()
    edge = edge_of(noting)
    client = edge.client(ask(b"127.0.0.1:9002,127.0.0.1:9001"))
    edge.refuse()
    service = edge.connect(port=9001)
    service.feed(OK)
    assert statuses(client.take()) == [200]
    assert (outcomes(edge), noting.placements) == ([1, 1, 0], ["picker_other"])
    edge.end()
