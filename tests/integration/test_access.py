"""Keys, passwords and client certificates with real processes: who gets through, and what is left of their secrets (nothing)."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import bcrypt
import pytest

from fastgw.cli import keys
from tests.integration.processes import Gateway, Service
from tests.support.certificates import Authority
from tests.support.gateway import simple_config, wait_until
from tests.support.tls import connect, forwarded, secure

pytestmark = pytest.mark.integration


def ask(port: int, *fields: str) -> tuple[int, dict[str, str]]:
    """The status, and of a 200 the fields that the service got."""
    head = "".join(f"{line}\r\n" for line in ("GET / HTTP/1.1", "Host: a", "Connection: close", *fields, ""))
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(head.encode())
        data = b"".join(iter(lambda: sock.recv(65536), b""))
    status = int(data[9:12])
    body = data.partition(b"\r\n\r\n")[2]
    return status, dict(json.loads(body)["fields"]) if status == 200 else {}


def test_keys_and_passwords(
    gateway: Gateway, service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, users, log = tmp_path / "keys.json", tmp_path / "users", tmp_path / "access.log"
    assert keys.new(str(file), "ann", limits=(keys.KeyLimit("2/h", 2),)) == 0
    secret = capsys.readouterr().out.strip()
    users.write_bytes(b"bob:" + bcrypt.hashpw(b"horse", bcrypt.gensalt(4)) + b"\n")
    text = simple_config(service().address, route="filters: [log, key, user]", workers=2) + (
        "filters:\n"
        f"  key: {{type: api_key, file: {file}, header: x-consumer, key_from: ['header:x-api-key']}}\n"
        f"  user: {{type: basic, file: {users}, header: x-user}}\n"
        f"  log: {{type: access_log, path: {log}, flush: 10ms}}\n"
    )
    running = gateway(text)
    key, user = f"X-API-Key: {secret}", "Authorization: Basic Ym9iOmhvcnNl"
    for _ in range(2):
        status, fields = ask(running.port, key, user, "X-User: root", "X_Consumer: root")
        told = {name.lower(): value for name, value in fields.items()}
        assert (status, told["x-consumer"], told["x-user"]) == (200, "ann", "bob")
        assert not {"x-api-key", "authorization", "x_consumer"} & told.keys()
    assert ask(running.port, key, user)[0] == 429  # by both workers
    assert ask(running.port, user)[0] == 401
    assert keys.new(str(file), "eve") == 0
    other = capsys.readouterr().out.strip()
    wait_until(lambda: ask(running.port, f"X-API-Key: {other}", user)[0] == 200, what="the new key is known")
    assert ask(running.port, f"X-API-Key: {other}", "Authorization: Basic Ym9iOndyb25n")[0] == 401
    assert keys.revoke(str(file), "eve") == 0
    wait_until(lambda: ask(running.port, f"X-API-Key: {other}", user)[0] == 401, what="the key is revoked")
    wait_until(lambda: '"status":429' in log.read_text(), what="the log has the refusal")
    said = log.read_text() + running.read_log() + str(running.admin("/metrics"))
    assert re.search(r'"status":200,.*"api_key":"ann","basic":"bob"', said)
    assert re.search(r'fastgw_requests_denied_total{(.*,)?filter="api_key"(,.*)?} [1-9]', said)
    assert not any(one in said for one in (secret, other, "horse", "Ym9i", secret[4:12]))


def test_a_certificate_says_who_may_pass(
    gateway: Gateway, service: Service, authority: Authority, pair: tuple[str, str]
) -> None:
    options = secure(pair, client_auth="optional", client_ca=authority.ca)
    text = simple_config(service().address, listener=options, route="filters: [staff]")
    running = gateway(text + "filters: {staff: {type: mtls, rules: [{cn: Ada}], header: x-user}}\n")
    with connect(running.port, authority.client(*authority.pair("Ada"))) as sock:
        assert forwarded(sock)["x-user"] == forwarded(sock)["x-user"] == ["Ada"]
    for context in (authority.client(*authority.pair("Bob")), authority.client()):
        with connect(running.port, context) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert sock.recv(12) == b"HTTP/1.1 403"
