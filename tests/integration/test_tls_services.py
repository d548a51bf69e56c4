"""TLS towards services: whom the gateway believes, and how their answers end."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.gateway import GatewayProcess, simple_config
from tests.support.tls import (
    ask,
    reload,
)
from tests.support.upstream import UpstreamServer, canned, response

pytestmark = pytest.mark.integration

Gateway = Callable[..., GatewayProcess]
Service = Callable[..., UpstreamServer]


class TestService:
    def tls(self, **keys: str) -> str:
        return "tls: {" + ", ".join(f'{name}: "{value}"' for name, value in keys.items()) + "}"

    def ask_plain(self, running: GatewayProcess) -> tuple[int, dict[str, str], bytes]:
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as sock:
            return ask(sock)

    def test_its_certificate_is_verified(
        self, gateway: Gateway, service: Service, authority: Authority, pair: tuple[str, str]
    ) -> None:
        asked: list[str | None] = []
        context = authority.server(*pair)
        context.sni_callback = lambda connection, name, context: asked.append(name)
        server = service(tls=context)
        running = gateway(simple_config(server.address, service=self.tls(ca=authority.ca)))
        assert self.ask_plain(running)[0] == 200
        reload(running, simple_config(server.address, service=self.tls(ca=authority.ca, server_name="edge.test")))
        assert self.ask_plain(running)[0] == 200
        assert asked[-1] == "edge.test"

    @pytest.mark.parametrize("wrong", ["authority", "name"])
    def test_one_that_cannot_be_verified_is_502(
        self, gateway: Gateway, service: Service, authority: Authority, pair: tuple[str, str], wrong: str
    ) -> None:
        server = service(tls=authority.server(*pair))
        options = self.tls() if wrong == "authority" else self.tls(ca=authority.ca, server_name="other.test")
        running = gateway(simple_config(server.address, service=options.replace("tls: {}", "tls: true")))
        status, fields, body = self.ask_plain(running)
        assert (status, fields["content-type"]) == (502, "application/problem+json")
        assert json.loads(body)["type"].endswith("tls_failed") and server.requests == []
        reload(running, simple_config(server.address, service=self.tls(verify="false")))
        assert self.ask_plain(running)[0] == 200

    def test_it_may_ask_for_our_certificate(
        self, gateway: Gateway, service: Service, authority: Authority, pair: tuple[str, str]
    ) -> None:
        cert, key = authority.pair("gateway")
        server = service(canned(response(b"mine")), tls=authority.server(*pair, requires=authority.ca))
        running = gateway(simple_config(server.address, service=self.tls(ca=authority.ca, cert=cert, key=key)))
        assert self.ask_plain(running)[::2] == (200, b"mine")
        reload(running, simple_config(server.address, service=self.tls(ca=authority.ca)))
        assert self.ask_plain(running)[0] == 502

    def test_a_reload_reads_its_files_again(
        self, gateway: Gateway, service: Service, authority: Authority, pair: tuple[str, str], tmp_path: Path
    ) -> None:
        server = service(tls=authority.server(*pair))
        wrong = Authority(tmp_path / "wrong", "wrong")
        text = simple_config(server.address, service=self.tls(ca=wrong.ca))
        running = gateway(text)
        assert self.ask_plain(running)[0] == 502
        Path(wrong.ca).write_text(Path(authority.ca).read_text())
        reload(running, text)
        assert self.ask_plain(running)[0] == 200
