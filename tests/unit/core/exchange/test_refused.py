"""A service that refuses the gateway's own credentials tells no client."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastgw.core.credential_settings import CredentialSettings
from fastgw.core.exchange.fallback import SERVICE, StandIn, mark
from fastgw.core.exchange.refused import refuses_gateway
from fastgw.policy.fallback import CAUSES
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, Edge, Spy, body_of, statuses
from tests.unit.core.exchange.test_hedging import made, raced

SECRET = "sk-proj-0123456789abcdefWXYZ"
KEY = CredentialSettings("authorization", f"Bearer {SECRET}", redact=True)
WRONG = b'{"error": {"message": "Incorrect API key provided: sk-proj-****WXYZ."}}'


def answer(status: int, body: bytes = WRONG) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nWWW-Authenticate: Key WXYZ\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def edge_of(**options: Any) -> tuple[Edge, list[Any]]:
    told: list[Any] = []
    spy = Spy("spy", [], done=lambda exchange: told.append(exchange.error))
    return Edge(filters=[spy], service={"credentials": KEY, "attempts": 1}, **options), told


@pytest.mark.parametrize("shape", ["openai", "problem"])
def test_a_401_of_the_service_is_an_error_of_the_gateway(shape: str) -> None:
    edge, told = edge_of(route={"errors": shape})
    client, service = edge.pair(GET)
    service.feed(answer(401))
    data = client.take()
    assert statuses(data) == [502]
    said = json.loads(body_of(data))
    assert (said["error"]["code"] if shape == "openai" else said["type"]).endswith("service_credentials")
    assert b"WXYZ" not in data and b"sk-" not in data and b"uthenticate" not in data
    (error,) = told
    assert error.fault == "upstream" and "401 to the gateway's own credentials" in error.reason
    assert not any("WXYZ" in one for one in (error.reason, repr(edge.log)))
    edge.end()


@pytest.mark.parametrize("status", [200, 400, 403, 404, 429, 500])
def test_other_answers_pass(status: int) -> None:
    edge, _ = edge_of()
    client, service = edge.pair(GET)
    service.feed(answer(status, b"as it is"))
    data = client.take()
    assert (statuses(data), body_of(data)) == ([status], b"as it is")
    edge.end()


@pytest.mark.parametrize("on", [CAUSES, ()])
def test_another_service_answers_in_its_place_and_does_not_get_them(on: tuple[str, ...]) -> None:
    edge, _ = edge_of()
    edge.endpoints.append(edge.endpoint(9001, 1))
    other = usual.service("other", (edge.endpoints[-1],), edge.service.balancer, attempts=1)
    statuses_ = () if on else (401,)
    edge.service.fall_back(StandIn(SERVICE, other.standing_in(mark, None), on, statuses_))
    client, service = edge.pair(GET)
    assert SECRET.encode() in service.take()
    service.feed(answer(401))
    second = edge.connect(port=9001)
    assert SECRET.encode() not in second.take()
    second.feed(OK)
    data = client.take()
    assert statuses(data) == [200] and b"x-fastgw-fallback: service\r\n" in data
    edge.end()


def test_the_mind_is_about_401_alone() -> None:
    class Seen:
        response = type("R", (), {"status": 407})

    assert not refuses_gateway(Seen())  # type: ignore[arg-type]


@pytest.mark.parametrize("who", ["first", "second"])
def test_nor_does_a_hedge_bring_it_to_the_client(who: str) -> None:
    edge = made(credentials=KEY)
    client, first, second = raced(edge)
    assert SECRET.encode() in first.take() and SECRET.encode() in second.take()
    (first if who == "first" else second).feed(answer(401))
    edge.run()
    data = client.take()
    assert statuses(data) == [502] and b"WXYZ" not in data and b"uthenticate" not in data
    edge.end()
