"""Models behind a running gateway: one of it, with two services, for all that is asked here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from fastgw.cli import keys
from tests.support.gateway import GatewayProcess, wait_until
from tests.support.upstream import UpstreamServer, canned, echo

pytestmark = pytest.mark.integration

CONFIG = """\
listeners: [{address: "127.0.0.1:$port"}]
admin: {address: "127.0.0.1:$admin"}
workers: 1
routes:
  - {path: /v1/*, models: true}
  - {path: /keyed/v1/*, models: true, service: a, filters: [keys]}
  - {path: /once/v1/*, models: [kept], cache: {}}
  - {path: /refused/*, service: refusing, errors: openai}
chain: [log]
filters:
  keys: {type: api_key, file: $keys}
  log:
    type: access_log
    path: stderr
    flush: 10ms
    fields: {key: "${header.x-api-key}"}
services:
  a: {endpoints: ["127.0.0.1:$one"], retry: {attempts: 1}}
  b: {endpoints: ["127.0.0.1:$two"], credentials: {secret: $of_b, header: x-api-key}}
  c: {endpoints: ["127.0.0.1:$four"]}
  refusing: {endpoints: ["127.0.0.1:$three"], credentials: {secret_file: $planted}}
models:
  big: {service: a, as: org/big, fallback: [small]}
  small: {service: b}
  kept: {service: c, as: org/kept}
  "open/*": {service: b, as: "*"}
"""

OF_B, OF_REFUSING = "sk-planted-0123456789", "sk-planted-9876543210"
KEPT = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"data":[]}'
REFUSAL = b"HTTP/1.1 401 Unauthorized\r\nx-key: sk-planted\r\ncontent-length: 10\r\n\r\nsk-planted"


def test_models_are_found_renamed_listed_and_stood_in_for(
    gateway: Callable[..., GatewayProcess],
    service: Callable[..., UpstreamServer],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    a, b, refusing, c = service(echo), service(echo), service(canned(REFUSAL)), service(canned(KEPT))
    planted = tmp_path / "planted"
    planted.write_text(f"{OF_REFUSING}\n")
    file = str(tmp_path / "keys.json")
    assert keys.new(file, "ann", models=("small", "open/*")) == 0
    secret = capsys.readouterr().out.strip()
    given = {
        "one": a.port,
        "two": b.port,
        "three": refusing.port,
        "four": c.port,
        "keys": file,
        "of_b": OF_B,
        "planted": planted,
    }
    text = CONFIG
    for name, value in given.items():
        text = text.replace(f"${name}", str(value))
    running = gateway(text)
    url = f"{running.base_url}/v1"

    def ask(model: str, **more: Any) -> requests.Response:
        return requests.post(f"{url}/chat/completions", json={"messages": [], "model": model, **more}, timeout=5)

    assert ask("big").status_code == 200 and ask("open/x", user="x" * 100_000).status_code == 200
    assert requests.get(f"{url}/models", timeout=5).json()["data"][0]["id"] == "big"
    wrong = ask("bgi")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (404, "model_not_found")
    form = requests.post(f"{url}/audio/transcriptions", data={"model": "big"}, files={"file": b"\x00\xff"}, timeout=5)
    assert form.status_code == 200
    assert b'"model": "org/big"' in a.requests[0].body and b'"model": "x"' in b.requests[0].body
    assert b'name="model"\r\n\r\norg/big\r\n' in a.requests[1].body and b"\x00\xff" in a.requests[1].body
    keyed, seen = requests.Session(), len(a.requests)
    keyed.headers["authorization"] = f"Bearer {secret}"
    base = f"{running.base_url}/keyed/v1"

    def status(model: str, path: str = "/chat/completions") -> int:
        return keyed.post(base + path, json={"model": model}, timeout=5).status_code

    assert [one["id"] for one in keyed.get(f"{base}/models", timeout=5).json()["data"]] == ["small"]
    assert (status("small"), status("open/x"), status("big")) == (200, 200, 404)
    assert status("big", "/chat/completions/") == status("small", "/files") == 404 and len(a.requests) == seen
    # The gateway's own keys go to the services, and nowhere else.
    sent = b.requests[-1]
    assert (sent.header(b"x-api-key"), sent.header(b"authorization")) == (OF_B.encode(), None)
    refused = requests.post(f"{running.base_url}/refused/x", headers={"authorization": "Bearer mine"}, timeout=5)
    assert (refused.status_code, refused.json()["error"]["code"]) == (502, "service_credentials")
    assert refusing.requests[0].headers(b"authorization") == [f"Bearer {OF_REFUSING}".encode()]
    wait_until(lambda: "/refused/x" in running.read_log(), what="the log has the refusal")
    pages = [running.admin(page) for page in ("/status", "/config", "/metrics", "/openapi.json?of=routes")]
    shown = " ".join((refused.text, str(refused.headers), running.read_log(), *map(str, pages)))
    assert "gateway's own credentials" in shown and "planted" not in shown.replace(str(planted), "")
    once = [
        requests.post(f"{running.base_url}/once/v1/embeddings", json={"model": "kept", "input": one}, timeout=5)
        for one in "aab"
    ]
    said = [one.headers["cache-status"].partition(";")[2].strip() for one in once]
    assert said[1].startswith("hit; ttl=") and said[0] == said[2] == "fwd=miss; fwd-status=200; stored"
    assert [one.json() for one in once] == [{"data": []}] * 3
    assert [one.body for one in c.requests] == [b'{"model": "org/kept", "input": "%b"}' % one for one in (b"a", b"b")]
    a.stop()
    answer = ask("big")
    assert (answer.status_code, answer.headers["x-fastgw-fallback"]) == (200, "service")
    assert b'"model": "small"' in b.requests[-1].body
