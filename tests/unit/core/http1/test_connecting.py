"""How a connection to an endpoint is made: where to, with which options, with TLS for which name."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.http1.connecting import ATTEMPT_DELAY
from fastgw.core.live.addresses import FAILING, UNTRIED, USED, Answer
from fastgw.core.live.endpoint import Endpoint, EndpointKey
from fastgw.core.protocols import make_pool
from fastgw.core.settings import Address, UpstreamTls
from tests.support import usual
from tests.support.edge import GET, OK, Edge, named, statuses


def test_nodelay_is_set_where_there_is_a_socket() -> None:
    edge = Edge()
    edge.client(GET)
    options: list[Any] = []

    class Socket:
        def fileno(self) -> int:
            return -1

        def setsockopt(self, *args: object) -> None:
            options.append(args)

    edge.connect(extra={"socket": Socket()})
    assert options == [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    edge.end()


def test_unix_socket() -> None:
    edge = Edge()
    endpoint = usual.endpoint(edge.plane.registry, "u", Address(path="/run/x.sock"))
    service = usual.service("u", (endpoint,), edge.service.balancer)
    object.__setattr__(edge.route, "service", service)
    edge.install(edge.listen(), service)
    client, transport = edge.pair()
    assert edge.loop.attempts[0].target["path"] == "/run/x.sock"
    transport.feed(OK)
    assert statuses(client.take()) == [200]
    edge.endpoints = [endpoint]
    edge.end()


@pytest.mark.parametrize(
    ("address", "tls", "name"),
    [
        (Address("a.test", 443), usual.tls(), "a.test"),
        (Address("10.0.0.1", 443), usual.tls(server_name="b.test"), "b.test"),
        (Address(path="/run/x.sock"), usual.tls(), "localhost"),
    ],
)
def test_name_that_the_certificate_must_have(address: Address, tls: UpstreamTls, name: str) -> None:
    edge = Edge()
    context = ssl.create_default_context()
    edge.plane.learn({"a.test": Answer(("10.0.0.7",))})
    settings = usual.settings(pool=usual.pool(warm=1), context=context)
    registry = edge.plane.registry
    endpoint = Endpoint(EndpointKey("t", address, tls), settings, registry.members("t"), edge.plane, make_pool)
    endpoint.pool.warm_up()
    target = edge.attempts[0].target
    assert (target["ssl"], target["server_hostname"]) == (context, name)
    endpoint.pool.close()
    edge.end()


# --- a name with several addresses


def states(edge: Edge) -> list[tuple[str, str]]:
    return [(place.address.host, place.state) for place in edge.endpoints[0].addresses.places]


def asked(edge: Edge) -> list[str]:
    """The addresses that connections are being sought at."""
    return [attempt.target["host"] for attempt in edge.attempts]


def test_an_address_that_does_not_answer_costs_a_quarter_of_a_second_once() -> None:
    edge = named("10.0.0.1", "10.0.0.2")
    client = edge.client(GET)
    assert asked(edge) == ["10.0.0.1"]
    edge.loop.advance(ATTEMPT_DELAY)
    assert asked(edge) == ["10.0.0.1", "10.0.0.2"]
    service = edge.attempts[1].succeed(extra={"socket": None})
    edge.run()
    service.feed(OK)
    assert statuses(client.take()) == [200]
    assert edge.loop.attempts[0].is_cancelled
    assert states(edge) == [("10.0.0.2", USED), ("10.0.0.1", FAILING)]
    assert edge.endpoints[0].addresses.places[1].reason == "no answer in time"
    edge.client(GET)
    edge.client(GET)
    assert asked(edge) == ["10.0.0.2"]  # it is asked first from now on
    edge.end()


def test_an_address_that_refuses_is_followed_by_the_next_at_once() -> None:
    edge = named("10.0.0.1", "10.0.0.2")
    client = edge.client(GET)
    edge.refuse(ConnectionRefusedError(111, "Connection refused"))
    assert asked(edge) == ["10.0.0.2"]
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    assert edge.endpoints[0].addresses.places[1].reason == "Connection refused"
    assert edge.of_endpoint(counters.ENDPOINT_ADDRESS_FAILURES) == 1
    assert edge.of_endpoint(counters.ENDPOINT_CONNECT_FAILURES) == 0
    edge.end()


def test_an_address_that_is_slow_and_then_answers_is_taken() -> None:
    edge = named("10.0.0.1", "10.0.0.2")
    client = edge.client(GET)
    edge.loop.advance(ATTEMPT_DELAY)
    edge.connect(port=0).feed(OK)
    assert statuses(client.take()) == [200]
    assert states(edge) == [("10.0.0.1", USED), ("10.0.0.2", UNTRIED)]  # who had no time has not failed
    edge.end()


def test_all_addresses_refuse() -> None:
    edge = named("10.0.0.1", "10.0.0.2")
    client = edge.client(GET)
    edge.refuse()
    edge.refuse()
    assert statuses(client.take()) == [502]
    assert [state for _, state in states(edge)] == [FAILING, FAILING]
    assert edge.of_endpoint(counters.ENDPOINT_CONNECT_FAILURES) == 1
    edge.end()


def test_no_address_answers() -> None:
    """The whole of it is bounded by one deadline, and every address has had its turn within it."""
    edge = named("10.0.0.1", "10.0.0.2", "10.0.0.3", pool=usual.pool(connect_timeout=0.4))
    client = edge.client(GET)
    edge.loop.advance(0.35)
    assert len(edge.attempts) == 3
    edge.loop.advance(0.1)
    assert statuses(client.take()) == [504]
    assert all(attempt.is_cancelled for attempt in edge.loop.attempts)
    assert [state for _, state in states(edge)] == [FAILING] * 3
    edge.end()


def test_two_that_answer_at_once_make_one_connection() -> None:
    edge = named("10.0.0.1", "10.0.0.2")
    client = edge.client(GET)
    edge.loop.advance(ATTEMPT_DELAY)
    one, two = [attempt.succeed(extra={"socket": None}) for attempt in edge.attempts]
    edge.run()
    one.feed(OK)
    assert statuses(client.take()) == [200]
    assert two.is_aborted
    assert edge.endpoints[0].pool.size == 1
    edge.end()


def test_an_attempt_that_lost_and_fails_later_is_nobodys_business() -> None:
    edge = named("10.0.0.1", "10.0.0.2")
    edge.client(GET)
    edge.loop.advance(ATTEMPT_DELAY)
    first, second = edge.attempts
    second.succeed(extra={"socket": None})
    first.fail(OSError("late"))
    edge.run()
    assert not edge.errors
    edge.end()


def test_one_address_is_tried_without_a_race() -> None:
    edge = named("10.0.0.1")
    client = edge.client(GET)
    made = edge.loop.tasks_made
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    assert edge.loop.tasks_made == made == 1
    assert states(edge) == [("10.0.0.1", USED)]
    edge.end()


@pytest.mark.parametrize(("chosen", "status"), [("http/1.1", 200), (None, 200), ("h2", 502)])
def test_a_service_that_chooses_what_was_not_offered_is_not_spoken_to(chosen: str | None, status: int) -> None:
    class Tls:
        def selected_alpn_protocol(self) -> str | None:
            return chosen

    edge = Edge()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    address = Address("127.0.0.1", 443)
    endpoint = usual.endpoint(edge.plane.registry, "t", address, tls=usual.tls(), context=context)
    service = usual.service("t", (endpoint,), edge.service.balancer)
    object.__setattr__(edge.route, "service", service)
    edge.install(edge.listen(), service)
    client = edge.client(GET)
    transport = edge.connect(extra={"ssl_object": Tls()})
    if status == 200:
        transport.feed(OK)
    answer = client.take()
    assert statuses(answer) == [status] and (b"tls_failed" in answer) is (status == 502)
    assert transport.is_closing() is (status == 502)
    edge.endpoints = [endpoint]
    edge.end()
