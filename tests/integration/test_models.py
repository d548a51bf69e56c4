"""Models behind a running gateway: one of it, with two services, for all that is asked here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from fastgw.cli import keys
from tests.support.gateway import GatewayProcess
from tests.support.upstream import UpstreamServer, echo

pytestmark = pytest.mark.integration

CONFIG = """\
listeners: [{address: "127.0.0.1:$port"}]
admin: {address: "127.0.0.1:$admin"}
workers: 1
routes: [{path: /v1/*, models: true}, {path: /keyed/v1/*, models: true, service: a, filters: [keys]}]
filters: {keys: {type: api_key, file: $keys}}
services:
  a: {endpoints: ["127.0.0.1:$one"], retry: {attempts: 1}}
  b: {endpoints: ["127.0.0.1:$two"]}
models:
  big: {service: a, as: org/big, fallback: [small]}
  small: {service: b}
  "open/*": {service: b, as: "*"}
"""


def test_models_are_found_renamed_listed_and_stood_in_for(
    gateway: Callable[..., GatewayProcess],
    service: Callable[..., UpstreamServer],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    a, b = service(echo), service(echo)
    file = str(tmp_path / "keys.json")
    assert keys.new(file, "ann", models=("small", "open/*")) == 0
    secret = capsys.readouterr().out.strip()
    running = gateway(CONFIG.replace("$one", str(a.port)).replace("$two", str(b.port)).replace("$keys", file))
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
    a.stop()
    answer = ask("big")
    assert (answer.status_code, answer.headers["x-fastgw-fallback"]) == (200, "service")
    assert b'"model": "small"' in b.requests[-1].body
