"""The two ends of an exchange, and what it is itself: nothing is done by doing nothing."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.exchange.ends import Carrier, Client, Exchange
from fastgw.core.exchange.relay import Relay
from fastgw.core.exchange.reply import Reply
from fastgw.core.http1.carrier import Http1Carrier
from fastgw.core.http1.client import Http1Client
from fastgw.errors import InternalError
from fastgw.testing.edge import Edge

REPLY = Reply(200)
CLIENT = [
    "send_interim",
    "send_head",
    "send_body",
    "send_last",
    "send_reply",
    "start_tunnel",
    "cut",
    "on_finished",
    "on_deadline",
]
CARRIER = ["carry", "send_body", "let_go", "leave"]
EXCHANGE = [
    *(
        "begin",
        "on_request_body",
        "on_client_ready",
        "abort",
        "on_carrier",
        "on_interim",
        "on_upgrade",
        "on_head",
        "on_body",
    ),
    *("on_last_body", "dispatch", "answer_is_ready", "reply", "fail", "end", "set_deadline", "on_deadline"),
]


def arguments(edge: Edge, exchange: Exchange, client: Client, carrier: Carrier, verb: str) -> tuple[Any, ...]:
    """Of the right kinds."""
    known: dict[str, tuple[Any, ...]] = {
        "send_reply": (exchange, REPLY),
        "start_tunnel": (exchange, None),
        "on_finished": (True, True),
        "begin": (client, edge.plane.listeners["edge"]),
        "on_carrier": (carrier,),
        "on_body": (b"", 0),
        "on_last_body": (b"", 0),
        "reply": (REPLY,),
        "fail": (InternalError(500, "internal", "x"),),
        "set_deadline": (1.0,),
        "on_deadline": (1.0,),
        "on_request_body": (b"",),
        "let_go": (True,),
    }
    if verb in known:
        return known[verb]
    return (exchange,) if verb in ("send_interim", "send_head", "cut", "carry") else ()


@pytest.mark.parametrize(
    ("kind", "verb"),
    [("client", one) for one in CLIENT]
    + [("carrier", one) for one in CARRIER]
    + [("exchange", one) for one in EXCHANGE],
)
def test_each_must_do_it_itself(kind: str, verb: str) -> None:
    edge = Edge()
    exchange = Exchange(edge.plane)
    client, carrier = Client(edge.plane.listeners["edge"], b"a"), Carrier()
    given = arguments(edge, exchange, client, carrier, verb)
    if verb == "send_body":
        given = (b"x", True) if kind == "carrier" else (b"x",)
    if verb == "send_last":
        given = (b"x",)
    with pytest.raises(NotImplementedError):
        getattr({"client": client, "carrier": carrier, "exchange": exchange}[kind], verb)(*given)
    edge.end()


def test_those_of_http_1_do_all_of_it() -> None:
    assert not [verb for verb in CLIENT if getattr(Http1Client, verb) is getattr(Client, verb)]
    assert not [verb for verb in CARRIER if getattr(Http1Carrier, verb) is getattr(Carrier, verb)]
    assert not [verb for verb in EXCHANGE if getattr(Relay, verb) is getattr(Exchange, verb)]


def test_a_client_has_no_body_at_hand_unless_it_says_so() -> None:
    edge = Edge()
    client = Client(edge.plane.listeners["edge"], b"a")
    exchange = Exchange(edge.plane)
    client.expect_body(exchange)
    client.read_body()
    assert not client.takes_trailers(exchange)
    assert client.is_idle
    client.exchange = exchange
    assert not client.is_idle
    edge.end()


def test_every_reset_makes_another_serial() -> None:
    edge = Edge()
    exchange = edge.plane.take()
    serial = exchange.serial
    exchange.reset()
    assert exchange.serial != serial
    assert repr(exchange).startswith("<Exchange ")
    edge.end()
