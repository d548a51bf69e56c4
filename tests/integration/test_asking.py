"""Filters that ask others, with real processes: over TLS and on kept connections, and what is when nobody answers."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tests.integration.processes import Gateway, Service, connect, read_answer, say
from tests.support.certificates import Authority
from tests.support.gateway import simple_config
from tests.support.upstream import Connection, Received, response

pytestmark = pytest.mark.integration


def test_what_others_say_decides(gateway: Gateway, service: Service, tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    def introspect(request: Received, connection: Connection) -> None:
        token = parse_qs(request.body.decode())["token"][0]
        assert request.header(b"authorization") == b"Basic Z2F0ZXdheTpodW50ZXIyMg=="
        said = {"active": token == "good", "sub": "ann"}
        connection.send(response(json.dumps(said).encode()))

    def decide(request: Received, connection: Connection) -> None:
        target = request.header(b"x-forwarded-uri")
        if target == b"/login":
            connection.send(
                response(status="302 Found", fields=[("location", "https://login.test/"), ("x-more", "no")])
            )
        else:
            connection.send(response(b"fine", fields=[("x-tenant", "acme")]))

    idp = service(introspect, tls=authority.server(*authority.pair("idp", "localhost")))
    decider, main = service(decide), service(say(b"hello"))
    text = simple_config(main.address, route="filters: [authz, auth]") + (
        "filters:\n"
        f"  authz: {{type: ext_authz, url: 'http://{decider.address}/check', take: [x-tenant]}}\n"
        f"  auth: {{type: oauth2_introspection, url: 'https://localhost:{idp.port}/', ca: {authority.ca},\n"
        "    client_id: gateway, client_secret: hunter22, headers: {x-user: sub}}\n"
    )
    running = gateway(text)
    with connect(running.port) as sock:

        def ask(target: str, token: str) -> bytes:
            sock.sendall(f"GET {target} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n".encode())
            return read_answer(sock)

        assert ask("/login", "good").startswith(b"HTTP/1.1 302 ") and not main.requests and not idp.requests
        for _ in range(3):
            assert ask("/", "good").endswith(b"hello")
        assert b' error="invalid_token"' in ask("/", "bad")
        assert len(main.requests) == 3
        assert {(one.header(b"x-tenant"), one.header(b"x-user")) for one in main.requests} == {(b"acme", b"ann")}
        assert all(one.header(b"authorization") is None for one in main.requests)
        assert (len(decider.requests), decider.connections) == (5, 1)
        assert (len(idp.requests), idp.connections) == (2, 1)
        idp.stop()
        decider.drop()  # its kept connections end, as with a restart
        assert ask("/", "good").endswith(b"hello") and decider.connections == 2
        assert ask("/", "other").startswith(b"HTTP/1.1 503 ")
        decider.stop()
        assert ask("/", "good").startswith(b"HTTP/1.1 503 ")
    assert "hunter22" not in running.read_log()
