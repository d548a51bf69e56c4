"""Filters of the configuration in real processes: what service, client and log get."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.processes import Gateway, Service, connect, reload, say
from tests.support.gateway import simple_config, wait_until
from tests.support.upstream import Connection, Received

pytestmark = pytest.mark.integration

FILTERS = """
filters:
  log: {type: access_log, path: $LOG, flush: 10ms, fields: {agent: "${header.user-agent}", sent: "${request.path}"}}
  edge:
    type: headers
    request:
      set: {x-real-ip: "${client.address}", x-trace: "${request.id}"}
      remove: [x-internal]
    response:
      set: {server: edge, x-served-by: "${service.name}"}
  api: {type: rewrite, pattern: "/models/([^/]+)/(.*)", to: "/v2/$2/of/$1"}
"""
ASK = (
    b"GET /models/m/predict?q=1 HTTP/1.1\r\nHost: a\r\nUser-Agent: me\r\nX-Internal: 1\r\nX-Real-IP: forged\r\n"
    b"X-Request-ID: id-1\r\nConnection: close\r\n\r\n"
)


def config(address: str, log: Path) -> str:
    """A gateway in front of the service at ``address``, with all these filters."""
    text = simple_config(address, listener="filters: [request_id, log, edge]", route="filters: [api]")
    return text + FILTERS.replace("$LOG", str(log))


def ask(port: int) -> bytes:
    """The whole answer to ``ASK``."""
    with connect(port) as sock:
        sock.sendall(ASK)
        data = b""
        while more := sock.recv(65536):
            data += more
        return data


def test_headers_and_rewrite_with_id_and_log(gateway: Gateway, service: Service, tmp_path: Path) -> None:
    seen: list[Received] = []

    def script(request: Received, connection: Connection) -> None:
        seen.append(request)
        say(b"hi")(request, connection)

    one = service(script)
    log = tmp_path / "access.log"
    running = gateway(config(one.address, log))
    answer = ask(running.port).lower()
    (request,) = seen
    assert request.target == b"/v2/predict/of/m?q=1"
    assert request.headers(b"x-real-ip") == [b"127.0.0.1"] and request.header(b"x-internal") is None
    assert request.header(b"x-trace") == request.header(b"x-request-id") == b"id-1"
    assert b"\r\nserver: edge\r\n" in answer and b"\r\nx-served-by: main\r\n" in answer
    wait_until(lambda: log.exists() and log.read_text().endswith("\n"), what="the log has its line")
    line = json.loads(log.read_text())
    assert (line["path"], line["sent"], line["agent"], line["id"]) == (
        "/models/m/predict",
        "/v2/predict/of/m",
        "me",
        "id-1",
    )


def test_a_reload_changes_filters_and_a_wrong_one_is_refused(
    gateway: Gateway, service: Service, tmp_path: Path
) -> None:
    one = service(say(b"hi"))
    text = config(one.address, tmp_path / "access.log")
    running = gateway(text)
    reload(running, text.replace("server: edge", "server: other"))
    assert b"\r\nserver: other\r\n" in ask(running.port).lower()
    reload(running, text.replace("server: edge", "content-length: 1"))
    assert b"\r\nserver: other\r\n" in ask(running.port).lower()
    assert "'content-length' cannot be changed" in running.read_log()
