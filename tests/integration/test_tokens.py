"""``jwt`` with real processes: who has a token gets through, what it says arrives, and a new key takes over with a reload."""

from __future__ import annotations

import json
import re
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.integration.processes import Gateway, Service, admin_status, reload, say
from tests.support.gateway import simple_config, wait_until
from tests.support.ports import free_port
from tests.support.tokens import SECRET, jwks, public_pem, signed
from tests.support.upstream import Connection, Received, UpstreamServer, canned, response

pytestmark = pytest.mark.integration


def ask(port: int, token: bytes | None) -> tuple[int, str]:
    """Status and challenge."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"X-User": "root", "X_User": "root"})
    if token is not None:
        request.add_header("Authorization", f"Bearer {token.decode()}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["www-authenticate"]


def test_who_has_a_token_gets_through(gateway: Gateway, service: Service, tmp_path: Path) -> None:
    heads: list[bytes] = []

    def script(request: Received, connection: Connection) -> None:
        heads.append(request.head)
        say(b"hello")(request, connection)

    one = service(script)
    log, keys = tmp_path / "access.log", tmp_path / "keys.pem"
    keys.write_text(public_pem("ES256"))
    text = simple_config(one.address, route="filters: [log, auth]") + (
        "filters:\n"
        f"  auth: {{type: jwt, algorithms: ES256, keys: [{{file: {keys}}}], audience: api, headers: {{x-user: sub}}}}\n"
        f'  log: {{type: access_log, path: {log}, flush: 10ms, fields: {{user: "${{note.jwt.sub}}"}}}}\n'
    )
    running = gateway(text)
    token = signed({"sub": "ann", "aud": "api", "exp": time.time() + 600}, "ES256")
    assert [ask(running.port, token)[0] for _ in range(2)] == [200, 200]
    assert all(b"\r\nx-user: ann" in head and b"root" not in head and token not in head for head in heads)
    assert ask(running.port, None) == (401, 'Bearer realm="auth"')
    old = signed({"sub": "ann", "aud": "api", "exp": time.time() - 600}, "ES256")
    assert ask(running.port, old)[0] == 401
    assert ask(running.port, signed({"sub": "ann", "aud": "api", "exp": time.time() + 600}))[0] == 401
    assert len(heads) == 2

    def lines() -> list[dict[str, object]]:
        return [json.loads(line) for line in log.read_text().splitlines()]

    wait_until(lambda: log.exists() and len(lines()) == 5, what="all are in the log")
    assert [(one["status"], one["user"], one.get("error")) for one in lines()] == [
        (200, "ann", None),
        (200, "ann", None),
        (401, None, "no_token"),
        (401, None, "invalid_token"),
        (401, None, "invalid_token"),
    ]
    written = log.read_bytes() + running.read_log().encode()
    assert token not in written and old not in written and SECRET.encode() not in written
    with urllib.request.urlopen(f"{running.admin_url}/metrics", timeout=10) as page:
        counted = page.read()
    assert re.search(rb'^fastgw_tokens_refused_total\{[^}]*cause="expired"[^}]*\} 1(\.0)?$', counted, re.MULTILINE)
    assert re.search(rb'^fastgw_tokens_refused_total\{[^}]*cause="algorithm"[^}]*\} 1(\.0)?$', counted, re.MULTILINE)
    # Another key in the file: who is remembered is not any more.
    keys.write_text(public_pem("ES256", again=True))
    reload(running, text)
    wait_until(lambda: ask(running.port, token)[0] == 401, what="the new key is in force")


def test_keys_are_fetched_and_an_issuer_that_is_down_stops_nothing(
    gateway: Gateway, service: Service, tmp_path: Path
) -> None:
    """No keys at the start, then some, then others; told to both workers."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/keys"
    text = simple_config(service(say(b"hello")).address, route="filters: [auth]").replace("workers: 1", "workers: 2")
    text += f"filters: {{auth: {{type: jwt, algorithms: ES256, keys: {{url: '{url}', refresh: 1s}}}}}}\n"
    text += f"state_file: {tmp_path}/state.json\n"
    running = gateway(text)
    claims = {"sub": "ann", "exp": time.time() + 600}
    first, other = signed(claims, "ES256", kid="first"), signed(claims, "ES256", kid="other")

    def statuses(token: bytes) -> set[int]:
        return {ask(running.port, token)[0] for _ in range(6)}  # of both workers, most likely

    def facts() -> dict[str, object]:
        found: dict[str, object] = admin_status(running, "/status")[1]["key_sets"][url]
        return found

    assert statuses(first) == {503}
    wait_until(lambda: facts()["cause"] == "refused", what="nobody is there")
    assert (facts()["keys"], facts()["age"]) == (0, None)
    assert "keys cannot be fetched" in running.read_log()
    with UpstreamServer(canned(response(jwks(ES256="first"))), port=port) as issuer:
        wait_until(lambda: statuses(first) == {200}, what="the keys were fetched")
        assert statuses(other) == {401}
        issuer.script = canned(response(jwks(ES256="other")))
        wait_until(lambda: statuses(other) == {200}, what="the other key was fetched")
        wait_until(lambda: statuses(first) == {401}, what="the first one is gone, at both workers")
        assert facts()["keys"] == 1
        kept = tmp_path / "state.keys.json"
        wait_until(kept.exists, what="the keys are kept on the disk")
    # one that starts while the issuer is away, and says nothing at all, has the keys of before
    with socket.create_server(("127.0.0.1", port)):
        assert running.stop() == 0
        running = gateway(text)
        wait_until(lambda: statuses(other) == {200}, what="the keys of before")
        assert statuses(first) == {401} and facts()["recalled"] is True
