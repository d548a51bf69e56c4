"""TLS of a listener: certificates, versions, reloads, and handshakes bounded in time and number."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.gateway import GatewayProcess, simple_config, wait_until
from tests.support.tls import (
    REQUEST,
    ask,
    connect,
    ended,
    failures,
    forwarded,
    read_answer,
    reload,
    secure,
    subject_of,
)
from tests.support.upstream import UpstreamServer

pytestmark = pytest.mark.integration

Gateway = Callable[..., GatewayProcess]
Service = Callable[..., UpstreamServer]


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
