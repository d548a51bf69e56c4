"""How a connection to an endpoint is made: where to, with which options, with TLS for which name."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

import pytest

from fastgw.core.http1 import connecting
from fastgw.core.http1.connecting import _connected
from fastgw.core.live.addresses import members_of
from fastgw.core.live.endpoint import Endpoint, EndpointKey
from fastgw.core.live.news import Answer
from fastgw.core.protocols import make_pool
from fastgw.core.settings import Address, UpstreamTls
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, Edge, new_loop, statuses


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
    key = EndpointKey("t", address, tls)
    [key] = members_of(key, edge.plane.names)
    endpoint = Endpoint(key, settings, registry.members("t"), edge.plane, make_pool)
    endpoint.ejection.readmit(0.0)
    endpoint.pool.warm_up()
    target = edge.attempts[0].target
    assert (target["ssl"], target["server_hostname"]) == (context, name)
    endpoint.pool.close()
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


@pytest.mark.parametrize(
    ("address", "family", "target"),
    [
        (Address("127.0.0.1", 80), socket.AF_INET, ("127.0.0.1", 80)),
        (Address("::1", 80), socket.AF_INET6, ("::1", 80, 0, 0)),
        (Address(path="/run/x.sock"), socket.AF_UNIX, "/run/x.sock"),
    ],
)
def test_a_plain_connection_goes_where_the_address_says(
    address: Address, family: int, target: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = new_loop()
    seen: list[tuple[int, object]] = []

    async def connect(_: object, sock: socket.socket, where: object) -> None:
        seen.append((sock.family, where))

    monkeypatch.setattr(connecting, "_connect", connect)
    loop.run(_connected(loop, address)).close()
    assert seen == [(family, target)]


def test_a_plain_connection_is_made_without_a_look_up() -> None:
    async def connect(address: Address) -> object:
        loop = asyncio.get_running_loop()
        loop.getaddrinfo = None  # type: ignore[assignment,method-assign]  # nobody may ask for it
        with await _connected(loop, address) as sock:
            return sock.getpeername()

    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        assert asyncio.run(connect(Address(host, port))) == (host, port)
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(connect(Address(host, port)))


def test_who_waits_no_longer_for_a_connection_is_told_nothing() -> None:
    async def wait() -> None:
        decided = asyncio.get_running_loop().create_future()
        decided.cancel()
        connecting._decide(decided)

    asyncio.run(wait())
