"""TLS on both sides of a running gateway, and the PROXY protocol in front of it."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import Authority
from tests.support.gateway import GatewayProcess, simple_config, wait_until
from tests.support.upstream import UpstreamServer, canned, response

pytestmark = pytest.mark.integration

Gateway = Callable[..., GatewayProcess]
Service = Callable[..., UpstreamServer]

REQUEST = b"GET / HTTP/1.1\r\nhost: a.test\r\nx-client-cert-subject: CN=forged\r\n\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def pair(authority: Authority) -> tuple[str, str]:
    return authority.pair("edge", "edge.test", "127.0.0.1")


def secure(pair: tuple[str, str], **more: str) -> str:
    """The ``tls`` of a listener, as YAML."""
    keys = {"cert": pair[0], "key": pair[1], **more}
    return "tls: {" + ", ".join(f'{name}: "{value}"' for name, value in keys.items()) + "}"


def connect(port: int, context: ssl.SSLContext, name: str = "edge.test", prefix: bytes = b"") -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", port), timeout=10)
    try:
        plain.sendall(prefix)
        return context.wrap_socket(plain, server_hostname=name)
    except BaseException:
        plain.close()
        raise


def ask(sock: socket.socket, request: bytes = REQUEST) -> tuple[int, dict[str, str], bytes]:
    """Status, fields and body of the answer."""
    sock.sendall(request)
    return read_answer(sock)


def read_answer(sock: socket.socket) -> tuple[int, dict[str, str], bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        assert more, f"the connection ended after {data!r}"
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    fields = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
    while len(body) < int(fields["content-length"]):
        body += sock.recv(65536)
    return int(line.split()[1]), fields, body


def forwarded(sock: socket.socket) -> dict[str, list[str]]:
    """Fields of a request as an echoing service saw them."""
    status, _, body = ask(sock)
    assert status == 200, body
    found: dict[str, list[str]] = {}
    for name, value in json.loads(body)["fields"]:
        found.setdefault(name, []).append(value)
    return found


def reload(running: GatewayProcess, text: str) -> None:
    before = running.generation()
    running.write_config(text)
    running.signal(signal.SIGHUP)
    wait_until(lambda: running.generation() > before, what="the reload is done")


def failures(running: GatewayProcess) -> int:
    found = [line for line in running.admin("/metrics").splitlines() if line.startswith("fastgw_tls_handshake_f")]
    return int(float(found[-1].split()[-1]))


def ended(sock: socket.socket) -> bool:
    """Whether the other side has closed; waits for it."""
    try:
        return sock.recv(1) == b""
    except ConnectionError:
        return True


class TestListener:
    def test_a_request_over_tls(
        self, gateway: Gateway, service: Service, authority: Authority, pair: tuple[str, str]
    ) -> None:
        running = gateway(simple_config(service().address, listener=secure(pair)))
        with connect(running.port, authority.client()) as sock:
            assert (sock.version(), sock.selected_alpn_protocol()) == ("TLSv1.3", "http/1.1")
            for _ in range(3):
                fields = forwarded(sock)
                assert fields["x-forwarded-proto"] == ["https"] and fields["x-forwarded-for"] == ["127.0.0.1"]
                assert "x-client-cert-subject" not in fields
            status, _, _ = ask(sock, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 300000\r\n\r\n" + b"x" * 300_000)
            assert status == 200

    def test_the_name_asked_for_chooses_the_certificate(
        self, gateway: Gateway, service: Service, authority: Authority, pair: tuple[str, str]
    ) -> None:
        other, wild = authority.pair("other", "api.test"), authority.pair("wild", "*.wild.test")
        listed = ", ".join(f'{{cert: "{cert}", key: "{key}"}}' for cert, key in (pair, other, wild))
        running = gateway(simple_config(service().address, listener=f"tls: {{certificates: [{listed}]}}"))
        for asked, expected in [
            ("edge.test", "edge"),
            ("api.test", "other"),
            ("API.test", "other"),
            ("a.wild.test", "wild"),
            ("a.b.wild.test", "edge"),
            ("unknown.test", "edge"),
            ("127.0.0.1", "edge"),
        ]:
            context = authority.client()
            context.check_hostname = False
            with connect(running.port, context, asked) as sock:
                assert subject_of(sock) == expected, asked
                assert ask(sock)[0] == 200

    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
    def test_old_versions_and_weak_ciphers_are_refused(
        self, gateway: Gateway, service: Service, authority: Authority, pair: tuple[str, str]
    ) -> None:
        running = gateway(simple_config(service().address, listener=secure(pair)))
        old = authority.client()
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        weak = authority.client()
        weak.maximum_version = ssl.TLSVersion.TLSv1_2
        weak.set_ciphers("ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:AES128-SHA:AES128-GCM-SHA256")
        for context in (old, weak):
            with pytest.raises(OSError):
                connect(running.port, context)
        fine = authority.client()
        fine.maximum_version = ssl.TLSVersion.TLSv1_2
        with connect(running.port, fine) as sock:
            assert sock.version() == "TLSv1.2" and sock.cipher()[0].endswith(("GCM-SHA256", "GCM-SHA384", "POLY1305"))  # type: ignore[index]
            assert ask(sock)[0] == 200
        wait_until(lambda: failures(running) == 2, what="both failures are counted")

    def test_only_tls_1_3_when_asked_for(
        self, gateway: Gateway, service: Service, authority: Authority, pair: tuple[str, str]
    ) -> None:
        running = gateway(simple_config(service().address, listener=secure(pair, min_version="1.3")))
        context = authority.client()
        with connect(running.port, context) as sock:
            assert ask(sock)[0] == 200
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(OSError):
            connect(running.port, context)

    def test_what_is_no_tls_is_closed(self, gateway: Gateway, service: Service, pair: tuple[str, str]) -> None:
        running = gateway(simple_config(service().address, listener=secure(pair)))
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as sock:
            sock.sendall(REQUEST)
            assert b"HTTP" not in read_all(sock)


class TestClientCertificates:
    @pytest.mark.parametrize("demand", ["optional", "required"])
    def test_its_subject_is_passed_on(
        self, gateway: Gateway, service: Service, authority: Authority, pair: tuple[str, str], demand: str
    ) -> None:
        mine = authority.pair("Ada, the first", organisation="Exämple")
        options = secure(pair, client_auth=demand, client_ca=authority.ca)
        running = gateway(simple_config(service().address, listener=options + ", trusted_proxies: [127.0.0.1]"))
        with connect(running.port, authority.client(*mine)) as sock:
            plain = forwarded(sock)
            sock.sendall(REQUEST.replace(b"x-client", b"te: trailers\r\nvia: 1.1 x\r\nX_Client"))
            _, _, body = read_answer(sock)
            rare = [value for name, value in json.loads(body)["fields"] if name.replace("_", "-").startswith("x-cl")]
        assert plain["x-client-cert-subject"] == ["CN=Ada\\, the first,O=Ex\\C3\\A4mple"] == rare

    def test_optional_lets_in_those_without(
        self, gateway: Gateway, service: Service, authority: Authority, pair: tuple[str, str]
    ) -> None:
        options = secure(pair, client_auth="optional", client_ca=authority.ca)
        running = gateway(simple_config(service().address, listener=options))
        with connect(running.port, authority.client()) as sock:
            assert "x-client-cert-subject" not in forwarded(sock)

    @pytest.mark.parametrize("demand", ["optional", "required"])
    def test_certificates_of_others_are_refused(
        self,
        gateway: Gateway,
        service: Service,
        authority: Authority,
        pair: tuple[str, str],
        tmp_path: Path,
        demand: str,
    ) -> None:
        foreign = Authority(tmp_path / "foreign", "foreign").pair("Eve")
        options = secure(pair, client_auth=demand, client_ca=authority.ca)
        running = gateway(simple_config(service().address, listener=options))
        refused = [authority.client(*foreign)] + ([authority.client()] if demand == "required" else [])
        for context in refused:
            with pytest.raises((OSError, AssertionError)):  # TLS 1.3 tells the client with its first read
                with connect(running.port, context) as sock:
                    ask(sock)
        wait_until(lambda: failures(running) == len(refused), what="the failures are counted")


class TestReload:
    def test_a_new_certificate_while_a_connection_stays(
        self, gateway: Gateway, service: Service, authority: Authority, tmp_path: Path
    ) -> None:
        pair = authority.pair("first", "edge.test", folder=tmp_path)
        text = simple_config(service().address, listener=secure(pair), workers=2)
        running = gateway(text)
        with connect(running.port, authority.client()) as kept:
            assert subject_of(kept) == "first" and ask(kept)[0] == 200
            for here, there in zip(authority.pair("second", "edge.test", folder=tmp_path), pair, strict=True):
                Path(here).replace(there)
            reload(running, text)
            for _ in range(8):
                with connect(running.port, authority.client()) as sock:
                    assert subject_of(sock) == "second" and ask(sock)[0] == 200
            assert ask(kept)[0] == 200

    def test_a_certificate_that_does_not_load_changes_nothing(
        self, gateway: Gateway, service: Service, authority: Authority, tmp_path: Path
    ) -> None:
        pair = authority.pair("first", "edge.test", folder=tmp_path)
        text = simple_config(service().address, listener=secure(pair))
        running = gateway(text)
        Path(pair[1]).write_text("nonsense")
        running.signal(signal.SIGHUP)
        wait_until(lambda: running.admin("/status")["reloads"]["refused"] == 1, what="the reload is refused")
        with connect(running.port, authority.client()) as sock:
            assert subject_of(sock) == "first" and ask(sock)[0] == 200

    def test_tls_can_come_and_go(
        self, gateway: Gateway, service: Service, authority: Authority, pair: tuple[str, str]
    ) -> None:
        address = service().address
        running = gateway(simple_config(address))
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as kept:
            assert ask(kept)[0] == 200
            reload(running, simple_config(address, listener=secure(pair)))
            with connect(running.port, authority.client()) as sock:
                assert ask(sock)[0] == 200
                reload(running, simple_config(address))
                assert ask(sock)[0] == ask(kept)[0] == 200
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as again:
            assert ask(again)[0] == 200


class TestHandshakes:
    def test_one_that_stalls_is_cut(
        self, gateway: Gateway, service: Service, authority: Authority, pair: tuple[str, str]
    ) -> None:
        running = gateway(simple_config(service().address, listener=secure(pair) + ", timeouts: {head: 500ms}"))
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as silent:
            silent.sendall(b"\x16\x03\x01\x02\x00\x01")
            with connect(running.port, authority.client()) as sock:
                assert ask(sock)[0] == 200
            assert ended(silent)
        assert 0.4 < time.monotonic() - began < 5
        wait_until(lambda: failures(running) == 1, what="the failure is counted")

    def test_their_number_is_bounded_and_the_silent_make_room(
        self, gateway: Gateway, service: Service, authority: Authority, pair: tuple[str, str]
    ) -> None:
        running = gateway(simple_config(service().address, listener=secure(pair) + ", limits: {handshakes: 3}"))
        silent = [socket.create_connection(("127.0.0.1", running.port), timeout=10) for _ in range(3)]
        began = time.monotonic()
        with connect(running.port, authority.client()) as sock:  # waits in the queue until one of them is cut
            assert ask(sock)[0] == 200
        assert 0.5 < time.monotonic() - began < 5
        assert ended(silent[0])
        for one in silent:
            one.close()

    def test_a_handshake_under_way_does_not_hold_up_the_end(
        self, gateway: Gateway, service: Service, pair: tuple[str, str]
    ) -> None:
        running = gateway(simple_config(service().address, listener=secure(pair)))
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as silent:
            began = time.monotonic()
            assert running.stop() == 0
            assert time.monotonic() - began < 5
            assert ended(silent)


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


def subject_of(sock: ssl.SSLSocket) -> str:
    certificate: Any = sock.getpeercert()
    return str(dict(one for part in certificate["subject"] for one in part)["commonName"])


def read_all(sock: socket.socket) -> bytes:
    data = b""
    try:
        while more := sock.recv(65536):
            data += more
    except ConnectionError:
        return data
    return data
