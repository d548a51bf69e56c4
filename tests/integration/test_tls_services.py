"""TLS towards services: whom the gateway believes, and how their answers end."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.gateway import GatewayProcess, simple_config, wait_until
from tests.support.ports import free_port
from tests.support.tls import (
    ask,
    reload,
)
from tests.support.upstream import Connection, Received, Script, UpstreamServer, canned, chunk, response

pytestmark = pytest.mark.integration

Gateway = Callable[..., GatewayProcess]
Service = Callable[..., UpstreamServer]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


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

    @pytest.mark.needs("openssl")
    def test_one_that_speaks_only_other_protocols_is_502(
        self, gateway: Gateway, authority: Authority, pair: tuple[str, str]
    ) -> None:
        port = free_port()
        command = [
            "openssl",
            "s_server",
            "-accept",
            str(port),
            "-alpn",
            "h2",
            "-cert",
            pair[0],
            "-key",
            pair[1],
            "-quiet",
        ]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as h2:
            try:
                wait_until(lambda: listens(port), what="the service listens")
                running = gateway(simple_config(f"127.0.0.1:{port}", service=self.tls(ca=authority.ca)))
                status, _, body = self.ask_plain(running)
                assert (status, json.loads(body)["type"]) == (502, "urn:fastgw:error:tls_failed")
                wait_until(lambda: "no application protocol" in running.log.read_text(), what="the log tells the cause")
            finally:
                h2.terminate()

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


def served(ending: str, framing: str) -> Script:
    """Answer as many bytes as the path says, and end the connection: with ``notify``, as TLS wants it, or by a ``ragged`` FIN."""

    def script(request: Received, connection: Connection) -> None:
        size = int(request.target[1:])
        body = b"x" * size
        head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n"
        if framing == "length":
            connection.send(head + b"content-length: %d\r\n\r\n" % size + body)
        elif framing == "chunked":
            connection.send(head + b"transfer-encoding: chunked\r\n\r\n" + chunk(body) + chunk(b""))
        elif framing == "short":
            connection.send(head + b"content-length: %d\r\n\r\n" % (size + 1) + body)
        else:
            connection.send(head + b"\r\n" + body)
        if ending == "notify":
            secured = connection.socket
            assert isinstance(secured, ssl.SSLSocket)
            with contextlib.suppress(OSError):  # the gateway need not answer
                secured.unwrap()
        connection.close()

    return script


class TestEndings:
    """close_notify or not (RFC 9112 section 9.8): a body that says how long it is needs none."""

    @pytest.mark.parametrize(
        ("framing", "ending", "is_whole"),
        [
            ("length", "notify", True),
            ("length", "ragged", True),
            ("chunked", "notify", True),
            ("chunked", "ragged", True),
            ("close", "notify", True),
            ("close", "ragged", False),
            ("short", "notify", False),
        ],
    )
    def test_an_answer_is_judged_by_its_framing(
        self,
        gateway: Gateway,
        service: Service,
        authority: Authority,
        pair: tuple[str, str],
        framing: str,
        ending: str,
        is_whole: bool,
    ) -> None:
        server = service(served(ending, framing), tls=authority.server(*pair))
        running = gateway(simple_config(server.address, service=f'tls: {{ca: "{authority.ca}"}}'))
        client = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
        client.request("GET", "/50000")
        with contextlib.closing(client), client.getresponse() as answer:
            if is_whole:
                assert answer.read() == b"x" * 50_000
            else:
                with pytest.raises(http.client.IncompleteRead):
                    answer.read()

    def test_an_answer_to_an_upload_that_nobody_wants_is_not_lost(
        self, gateway: Gateway, service: Service, authority: Authority, pair: tuple[str, str]
    ) -> None:
        """The service answers and leaves with the upload unread: a reset follows its answer."""

        def refuse(request: Received, connection: Connection) -> None:
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.send(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno")
            connection.close()

        server = service(refuse, reads_body=False, tls=authority.server(*pair))
        running = gateway(simple_config(server.address, service=f'tls: {{ca: "{authority.ca}"}}'))
        found = []
        for _ in range(20):
            client = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
            client.request("POST", "/", body=b"x" * 5_000_000)
            with contextlib.closing(client), client.getresponse() as answer:
                found.append(answer.status)
        assert found == [401] * 20

    def test_what_a_slow_client_has_not_read_is_not_lost(
        self, gateway: Gateway, service: Service, authority: Authority, pair: tuple[str, str]
    ) -> None:
        """The service is gone before its last bytes were read: of some of these sizes they wait within TLS then."""
        ended: list[int] = []
        serve = served("ragged", "length")

        def script(request: Received, connection: Connection) -> None:
            serve(request, connection)
            ended.append(1)

        server = service(script, tls=authority.server(*pair))
        running = gateway(simple_config(server.address, service=f'tls: {{ca: "{authority.ca}"}}'))
        clients = [http.client.HTTPConnection("127.0.0.1", running.port, timeout=20) for _ in range(30)]
        sizes = [1_500_000 + 120_000 * number for number in range(len(clients))]
        for client, size in zip(clients, sizes, strict=True):
            client.connect()
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 131072)
            client.request("GET", f"/{size}")
        wait_until(lambda: len(ended) == len(sizes), what="the service has sent everything")
        for client, size in zip(clients, sizes, strict=True):
            with contextlib.closing(client), client.getresponse() as answer:
                assert len(answer.read()) == size
