"""The PROXY protocol in front of a listener, and in front of its TLS."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable

import pytest

from tests.support.certificates import Authority
from tests.support.gateway import GatewayProcess, simple_config
from tests.support.tls import (
    REQUEST,
    ask,
    connect,
    ended,
    forwarded,
    reload,
    secure,
)
from tests.support.upstream import UpstreamServer

pytestmark = pytest.mark.integration

Gateway = Callable[..., GatewayProcess]
Service = Callable[..., UpstreamServer]


class TestProxyProtocol:
    LINE = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"

    def test_the_announced_address_is_the_clients(self, gateway: Gateway, service: Service) -> None:
        running = gateway(simple_config(service().address, listener="proxy_protocol: true"))
        for pieces in (
            [self.LINE + REQUEST],
            [self.LINE[:9], self.LINE[9:], REQUEST],
            [self.LINE + REQUEST[:5], REQUEST[5:]],
        ):
            with socket.create_connection(("127.0.0.1", running.port), timeout=10) as sock:
                for piece in pieces[:-1]:
                    sock.sendall(piece)
                    time.monotonic()
                _, _, body = ask(sock, pieces[-1])
                assert ["x-forwarded-for", "192.0.2.7"] in json.loads(body)["fields"]
                assert forwarded(sock)["x-forwarded-for"] == ["192.0.2.7"]
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as sock:
            sock.sendall(b"PROXY UNKNOWN\r\n")
            assert forwarded(sock)["x-forwarded-for"] == ["127.0.0.1"]

    def test_in_front_of_tls(
        self, gateway: Gateway, service: Service, authority: Authority, pair: tuple[str, str]
    ) -> None:
        running = gateway(simple_config(service().address, listener=f"proxy_protocol: true, {secure(pair)}"))
        body = bytes([192, 0, 2, 8, 198, 51, 100, 1, 220, 4, 1, 187])
        for header in (self.LINE, b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + len(body).to_bytes(2, "big") + body):
            with connect(running.port, authority.client(), prefix=header) as sock:
                expected = "192.0.2.7" if header is self.LINE else "192.0.2.8"
                assert forwarded(sock)["x-forwarded-for"] == [expected]

    @pytest.mark.parametrize("first", [REQUEST, b"PROXY TCP4 x y 1 2\r\n" + REQUEST, b"PROXY TCP4 192.0.2.7"])
    def test_anything_else_is_closed_without_an_answer(self, gateway: Gateway, service: Service, first: bytes) -> None:
        listener = "proxy_protocol: true, timeouts: {head: 500ms}"
        running = gateway(simple_config(service().address, listener=listener))
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as sock:
            sock.sendall(first)
            assert ended(sock)

    def test_only_from_those_who_may(self, gateway: Gateway, service: Service) -> None:
        listener = "proxy_protocol: true, proxy_protocol_from: [{}]"
        address = service().address
        running = gateway(simple_config(address, listener=listener.format("192.0.2.0/24")))
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as sock:
            sock.sendall(self.LINE)
            assert ended(sock)
        reload(running, simple_config(address, listener=listener.format("127.0.0.0/8")))
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as sock:
            sock.sendall(self.LINE)
            assert ask(sock)[0] == 200

    def test_trust_and_limits_are_those_of_the_announced_address(self, gateway: Gateway, service: Service) -> None:
        listener = "proxy_protocol: true, trusted_proxies: [192.0.2.7], limits: {connections_per_address: 1}"
        running = gateway(simple_config(service().address, listener=listener))
        spoofed = REQUEST.replace(b"\r\n\r\n", b"\r\nx-forwarded-for: 10.9.9.9\r\n\r\n")
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as sock:
            _, _, body = ask(sock, self.LINE + spoofed)
            assert ["x-forwarded-for", "10.9.9.9, 192.0.2.7"] in json.loads(body)["fields"]
            with socket.create_connection(("127.0.0.1", running.port), timeout=10) as second:
                second.sendall(self.LINE)
                assert ended(second)
            with socket.create_connection(("127.0.0.1", running.port), timeout=10) as other:
                _, _, body = ask(other, self.LINE.replace(b"2.7", b"2.6") + spoofed)
                assert ["x-forwarded-for", "192.0.2.6"] in json.loads(body)["fields"]
