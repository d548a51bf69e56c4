"""How a connection to an endpoint is made: where to, with which options, with TLS for which name."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest

from fastgw.core.endpoint import Address, Endpoint, EndpointKey, PoolSettings, UpstreamTls
from fastgw.core.snapshot import Service
from tests.support.edge import GET, OK, Edge, statuses


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
    key = EndpointKey("u", Address(path="/run/x.sock"))
    service = Service("u", (edge.plane.registry.endpoint(key),), edge.service.balancer)
    object.__setattr__(edge.route, "service", service)
    edge.install(edge.listen(), service)
    client, transport = edge.pair()
    assert edge.loop.attempts[0].target["path"] == "/run/x.sock"
    transport.feed(OK)
    assert statuses(client.take()) == [200]
    edge.endpoints = [service.endpoints[0]]
    edge.end()


@pytest.mark.parametrize(
    ("address", "tls", "name"),
    [
        (Address("a.test", 443), UpstreamTls(), "a.test"),
        (Address("10.0.0.1", 443), UpstreamTls(server_name="b.test"), "b.test"),
        (Address(path="/run/x.sock"), UpstreamTls(), "localhost"),
    ],
)
def test_name_that_the_certificate_must_have(address: Address, tls: UpstreamTls, name: str) -> None:
    edge = Edge()
    context = ssl.create_default_context()
    endpoint = Endpoint(EndpointKey("t", address, tls=tls, pool=PoolSettings(warm=1)), edge.plane, context)
    endpoint.pool.warm_up()
    target = edge.attempts[0].target
    assert (target["ssl"], target["server_hostname"]) == (context, name)
    endpoint.pool.close()
    edge.end()
