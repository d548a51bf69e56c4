"""Why a service could not be reached is told by code, access log, metrics and the event log."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.integration.processes import Gateway, Service, connect, events, read_answer
from tests.support.certificates import Authority
from tests.support.gateway import wait_until
from tests.support.ports import free_port
from tests.support.upstream import canned, response

pytestmark = pytest.mark.integration

CONFIG = """
workers: 1
admin: {{address: "127.0.0.1:$admin"}}
listeners:
  - {{name: edge, address: "127.0.0.1:$port", filters: [request_id, log]}}
filters:
  log: {{type: access_log, path: "{log}", flush: 10ms}}
routes:
{routes}
services:
{services}
"""


def config(log: Path, services: dict[str, str]) -> str:
    routes = "\n".join(f'  - {{path: "/{name}", service: {name}}}' for name in services)
    listed = "\n".join(f"  {name}: {{{value}}}" for name, value in services.items())
    return CONFIG.format(log=log, routes=routes, services=listed)


def test_every_cause_has_its_code_and_its_words(gateway: Gateway, service: Service, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ours")
    other = Authority(tmp_path / "theirs", "theirs")
    secure = service(tls=authority.server(*authority.pair("other", "other.test")))
    plain = service(canned(b"SSH-2.0-OpenSSH_9.9\r\n"))
    silent = service(canned(response(b"fine")))
    services = {
        "refused": f'endpoints: ["127.0.0.1:{free_port()}"]',
        "name": f'endpoints: ["{secure.address}"], tls: {{ca: "{authority.ca}", server_name: this.test}}',
        "authority": f'endpoints: ["{secure.address}"], tls: {{ca: "{other.ca}", server_name: other.test}}',
        "garbage": f'endpoints: ["{plain.address}"]',
        "no_socket": f'endpoints: ["unix:{tmp_path}/none.sock"]',
        "fine": f'endpoints: ["{silent.address}"]',
    }
    expected = {
        "refused": ("connect_refused", "Connection refused"),
        "name": ("tls_failed", "certificate verify failed: "),
        "authority": ("tls_failed", "certificate verify failed: "),
        "garbage": ("bad_answer", "SSH-2.0-OpenSSH_9.9"),
        "no_socket": ("connect_failed", "No such file or directory"),
    }
    log = tmp_path / "access.log"
    running = gateway(config(log, services))
    for name, (code, words) in expected.items():
        with connect(running.port) as sock:
            sock.sendall(f"GET /{name} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
            body = json.loads(read_answer(sock).partition(b"\r\n\r\n")[2])
        assert body["type"] == f"urn:fastgw:error:{code}", name
        assert not words or words not in body["detail"], name  # what is inside stays inside
    with connect(running.port) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 400 ")
    lines = wait_until(
        lambda: found if len(found := read(log)) == len(expected) + 1 else None, what="all lines are there"
    )
    wait_until(lambda: len(events(running, "an endpoint fails")) == len(expected), what="all causes are told")
    told = {line["service"]: line for line in events(running, "an endpoint fails")}
    for line in lines[:-1]:
        code, words = expected[line["service"]]
        assert (line["error"], words in line["detail"]) == (code, True), line
        event = told.pop(line["service"])
        assert (event["cause"], event["detail"], event["level"]) == (code, line["detail"], "warning")
    assert not told
    assert (lines[-1]["status"], lines[-1]["error"], lines[-1]["path"]) == (400, "malformed", "/")
    [refused] = events(running, "a request was refused")
    assert (refused["client"], refused["status"], refused["code"]) == ("127.0.0.1", 400, "malformed")
    metric = f'fastgw_endpoint_failures_total{{cause="bad_answer",endpoint="{plain.address}",service="garbage"}} 1.0'
    assert metric in running.admin("/metrics")
    found = running.admin("/status")["services"]
    assert next(iter(found["refused"]["endpoints"].values()))["causes"] == {"connect_refused": 1}


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_member_that_comes_back_is_told(gateway: Gateway, tmp_path: Path) -> None:
    port = free_port()
    running = gateway(config(tmp_path / "log", {"s": f'endpoints: ["127.0.0.1:{port}"]'}))
    ask = b"GET /s HTTP/1.1\r\nhost: a\r\n\r\n"
    for _ in range(3):
        with connect(running.port) as sock:
            sock.sendall(ask)
            assert read_answer(sock).startswith(b"HTTP/1.1 502 ")
    with socket.create_server(("127.0.0.1", port)) as server, connect(running.port) as sock:
        sock.sendall(ask)
        peer, _ = server.accept()
        with peer:
            peer.recv(1000)
            peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            assert read_answer(sock).startswith(b"HTTP/1.1 200 ")
            wait_until(lambda: events(running, "an endpoint is back"))
    for event in ("an endpoint is ejected", "an endpoint is back"):
        [line] = events(running, event)
        assert (line["service"], line["cause"]) == ("s", "connect_refused")
    assert not events(running, "an endpoint fails")
