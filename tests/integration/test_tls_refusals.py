"""Clients that get no TLS learn why, whatever library they are made of; so does the operator."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import Authority
from tests.support.gateway import GatewayProcess, simple_config, wait_until
from tests.support.tls import REQUEST, connect, failures, read_all, secure
from tests.support.upstream import UpstreamServer

pytestmark = pytest.mark.integration

Gateway = Callable[..., GatewayProcess]
Service = Callable[..., UpstreamServer]

# Options of openssl s_client, the alert it gets, and the cause the operator is told.
REFUSED = [
    ("-tls1_1 -cipher ALL:@SECLEVEL=0", 70, "version"),
    ("-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0", 40, "cipher"),
    ("-tls1_3 -ciphersuites TLS_AES_128_CCM_SHA256", 40, "cipher"),
    ("-alpn h3", 120, "alpn"),
    ("-tls1_2", 40, "no_certificate"),
    ("-tls1_3", 116, "no_certificate"),
    ("-tls1_2 -cert {cert} -key {key}", 48, "bad_certificate"),
    ("-tls1_3 -cert {cert} -key {key}", 48, "bad_certificate"),
]


def s_client(port: int, options: str) -> str:
    """What ``openssl s_client`` says when it sends a request."""
    done = subprocess.run(
        ["openssl", "s_client", "-ign_eof", "-connect", f"127.0.0.1:{port}", *options.split()],
        input=REQUEST * 500,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=20,
        check=False,
    )
    return done.stdout.decode("latin-1")


def causes(running: GatewayProcess) -> dict[str, int]:
    """The failures that the metrics page has, by cause; zeroes left out."""
    found = {}
    for line in running.admin("/metrics").splitlines():
        if line.startswith("fastgw_tls_handshake_failure_causes_total{"):
            labels, value = line.split()
            found[labels.partition('"')[2].partition('"')[0]] = int(float(value))
    return {cause: count for cause, count in found.items() if count}


def told(running: GatewayProcess, event: str = "a TLS handshake failed") -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in running.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("event") == event]


@pytest.fixture
def demanding(gateway: Gateway, service: Service, authority: Authority, pair: tuple[str, str]) -> GatewayProcess:
    """A gateway that wants a certificate of its clients."""
    options = secure(pair, client_auth="required", client_ca=authority.ca)
    return gateway(simple_config(service().address, listener=options))


@pytest.mark.needs("openssl")
def test_alerts_arrive(demanding: GatewayProcess, tmp_path: Path) -> None:
    cert, key = Authority(tmp_path / "foreign", "foreign").pair("Eve")
    expected: dict[str, int] = {}
    for options, number, cause in REFUSED:
        expected[cause] = expected.get(cause, 0) + 1
        said = s_client(demanding.port, options.format(cert=cert, key=key))
        assert f"SSL alert number {number}" in said, (options, said)
    wait_until(lambda: failures(demanding) == len(REFUSED), what="the failures are counted")
    assert causes(demanding) == expected
    lines = told(demanding)
    assert [line["cause"] for line in lines] == ["version", "cipher", "alpn", "no_certificate", "bad_certificate"]
    assert {line["client"] for line in lines} == {"127.0.0.1"} and all(line["count"] == 1 for line in lines)
    assert lines[2]["detail"] == "offered: h3" and "issuer" in lines[-1]["detail"]
    demanding.stop()
    rest = told(demanding)[len(lines) :]  # those that a line had been written of shortly before
    assert {line["cause"]: line["count"] for line in rest} == {"cipher": 1, "no_certificate": 1, "bad_certificate": 1}


def test_python_is_told_that_a_certificate_is_wanted(demanding: GatewayProcess, authority: Authority) -> None:
    with connect(demanding.port, authority.client()) as sock:
        sock.sendall(REQUEST)
        with pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"):
            sock.recv(1)
    [line] = wait_until(lambda: told(demanding), what="the log tells")
    assert (line["server_name"], line["listener"], line["cause"]) == ("edge.test", "edge", "no_certificate")


@pytest.mark.needs("curl")
def test_curl_is_told_that_a_certificate_is_wanted(demanding: GatewayProcess, authority: Authority) -> None:
    url = f"https://127.0.0.1:{demanding.port}/"
    done = subprocess.run(
        ["curl", "-sS", "--cacert", authority.ca, url], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 56 and "alert" in done.stderr, done.stderr


def test_a_client_that_does_not_believe_us_is_told_to_the_operator(
    gateway: Gateway, service: Service, pair: tuple[str, str]
) -> None:
    running = gateway(simple_config(service().address, listener=secure(pair)))
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(running.port, ssl.create_default_context())
    [line] = wait_until(lambda: told(running), what="the log tells")
    assert (line["cause"], line["detail"]) == ("client_alert", "unknown ca")


def test_plain_http_is_answered(gateway: Gateway, service: Service, pair: tuple[str, str]) -> None:
    running = gateway(simple_config(service().address, listener=secure(pair)))
    for request in (
        REQUEST,
        REQUEST.replace(b"GET", b"HEAD"),
        b"SSH-2.0-x\r\n",
        b"POST / HTTP/1.1\r\n" + b"x" * 500_000,
    ):
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as sock:
            sock.sendall(request)
            sock.shutdown(socket.SHUT_WR)
            answer = read_all(sock)
        assert answer.startswith(b"HTTP/1.1 400 ") and b"connection: close" in answer, request[:20]
        assert (b"this port speaks TLS" in answer) is (b"HEAD" not in request)
    wait_until(lambda: failures(running) == 4, what="the failures are counted")
    assert causes(running) == {"not_tls": 4}


def test_tls_on_a_plain_port_is_named(gateway: Gateway, service: Service, authority: Authority) -> None:
    running = gateway(simple_config(service().address))
    with pytest.raises(ssl.SSLError):
        connect(running.port, authority.client())
    [line] = wait_until(lambda: told(running, "a request was refused"), what="the log tells")
    assert "unexpected_tls" in json.dumps(line) and "127.0.0.1" in json.dumps(line)


def test_a_silent_or_departed_client_is_unfinished(gateway: Gateway, service: Service, pair: tuple[str, str]) -> None:
    running = gateway(simple_config(service().address, listener=secure(pair) + ", timeouts: {head: 300ms}"))
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as sock:
        assert read_all(sock) == b""
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as sock:
        sock.sendall(b"\x16\x03\x01\x02")
    wait_until(lambda: causes(running) == {"unfinished": 2}, what="both are counted")
