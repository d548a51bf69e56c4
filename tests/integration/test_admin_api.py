"""The admin address of a running gateway: by its own description, with a token, over TLS, and orders over HTTP."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import Authority
from tests.support.gateway import GatewayProcess, wait_until
from tests.support.ports import free_port

pytestmark = pytest.mark.integration

TOKEN = "a-token-of-some-length"
SHOWN = {"authorization": f"Bearer {TOKEN}"}
TEXT = """
workers: 1
admin: {address: "127.0.0.1:$admin", MORE}
listeners: [{name: edge, address: "127.0.0.1:$port"}]
routes: [{path: "/*", service: main}]
services: {main: {endpoints: ["127.0.0.1:1"]}}
"""
#: TRACE is refused where heads are read, as by a listener: 501.
SCHEMATHESIS = f"""
[phases.coverage]
unexpected-methods = ["DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT"]
[auth.openapi.token]
bearer = "{TOKEN}"
"""
Starts = Callable[..., GatewayProcess]


def ask(
    running: GatewayProcess, path: str, method: str = "GET", context: ssl.SSLContext | None = None, **fields: str
) -> tuple[int, Any]:
    """Status and body."""
    base = running.admin_url if context is None else running.admin_url.replace("http:", "https:")
    request = urllib.request.Request(base + path, method=method, headers=fields)
    try:
        with urllib.request.urlopen(request, timeout=20, context=context) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


@pytest.fixture
def guarded(gateway: Starts) -> GatewayProcess:
    """A gateway with a token."""
    return gateway(TEXT.replace("MORE", f"token: {TOKEN}"))


def test_it_is_as_its_own_description_says(guarded: GatewayProcess, tmp_path: Path) -> None:
    """Requests of all kinds, good and bad; without the drain, which would end the gateway, and the stream, which has no end."""
    status, told = ask(guarded, "/openapi.json", **SHOWN)
    assert status == 200
    file, settings = tmp_path / "openapi.json", tmp_path / "schemathesis.toml"
    file.write_text(json.dumps(told))
    settings.write_text(SCHEMATHESIS)
    command = [
        *(
            os.path.join(os.path.dirname(sys.executable), "schemathesis"),
            "--config-file",
            str(settings),
            "run",
            str(file),
        ),
        *("--url", guarded.admin_url, "--phases", "coverage,fuzzing", "--max-examples", "3"),
        *(
            "--generation-deterministic",
            "--exclude-path",
            "/drain",
            "--exclude-path",
            "/events",
            "--no-color",
            "--checks",
            "all",
        ),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=50, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-1000:]
    assert "FAILURES" not in done.stdout  # that nothing is known of services and models that there are not is a warning


def test_orders_need_the_token(guarded: GatewayProcess) -> None:
    assert ask(guarded, "/reload", "POST")[0] == 401
    assert ask(guarded, "/reload", "POST", **SHOWN)[1]["generation"] == 2
    guarded.config.write_text(guarded.config.read_text() + "nonsense: 1\n")
    status, refused = ask(guarded, "/reload", "POST", **SHOWN)
    assert (status, refused["type"]) == (422, "urn:fastgw:error:refused") and "nonsense" in refused["problems"][0]
    assert TOKEN not in json.dumps(ask(guarded, "/config", **SHOWN)[1])
    status, drains = ask(guarded, "/drain", "POST", **SHOWN)
    assert (status, drains["pid"]) == (202, guarded.pid)
    assert guarded.wait() == 0


def test_without_a_token_nobody_orders_over_tcp(gateway: Starts) -> None:
    running = gateway(TEXT.replace(", MORE", ""))
    status, refused = ask(running, "/reload", "POST")
    assert (status, refused["type"]) == (403, "urn:fastgw:error:no_orders_here")
    assert ask(running, "/status", host="evil.example")[0] == 421
    assert ask(running, "/config")[1]["services"]["main"]


def test_a_reload_that_moves_the_address_is_answered_before_it_goes(guarded: GatewayProcess) -> None:
    port = free_port()
    moved = guarded.config.read_text().replace(f":{guarded.admin_port}", f":{port}").replace(TOKEN, f"{TOKEN}-2")
    guarded.config.write_text(moved)
    status, told = ask(guarded, "/reload", "POST", **SHOWN)
    assert status == 200 and any("admin.address" in line for line in told["changes"])
    guarded.admin_port, guarded.admin_url = port, f"http://127.0.0.1:{port}"
    assert ask(guarded, "/status", **SHOWN)[0] == 401
    assert ask(guarded, "/status", authorization=f"Bearer {TOKEN}-2")[0] == 200


def test_a_certificate_is_renewed_by_a_reload(gateway: Starts, authority: Authority, tmp_path: Path) -> None:
    cert, key = tmp_path / "admin.pem", tmp_path / "admin.key"

    def renew(stem: str) -> None:
        for source, target in zip(authority.pair(stem, "127.0.0.1"), (cert, key), strict=True):
            target.write_bytes(Path(source).read_bytes())

    renew("admin-1")
    running = gateway(TEXT.replace(", MORE", ""))
    running.write_config(TEXT.replace("MORE", f"tls: {{cert: '{cert}', key: '{key}'}}"))
    running.signal(signal.SIGHUP)
    context = ssl.create_default_context(cafile=authority.ca)

    def subject() -> str:
        return ssl.get_server_certificate(("127.0.0.1", running.admin_port))

    def speaks() -> bool:
        try:
            return ask(running, "/status", context=context)[0] == 200
        except OSError:
            return False

    wait_until(speaks)
    before = subject()
    renew("admin-2")
    running.signal(signal.SIGHUP)
    wait_until(lambda: subject() != before)
    assert ask(running, "/livez", context=context)[0] == 200
