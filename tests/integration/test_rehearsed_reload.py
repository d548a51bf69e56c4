"""A configuration under which requests that were answered a moment ago would have no answer is refused, unless somebody insists."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.processes import Gateway, events, get
from tests.support.gateway import wait_until

pytestmark = pytest.mark.integration

TEXT = """
workers: 1
admin: {address: "127.0.0.1:$admin"}
listeners: [{name: edge, address: "127.0.0.1:$port"}]
chain: [capture]
filters: {capture: {type: record, path: PATH, sample: 100%}}
routes:
  - {name: all, path: "/*", reply: {body: hi}}
reload: {rehearse: 5m}
"""


def test_what_was_answered_goes_on_being_answered(gateway: Gateway, tmp_path: Path) -> None:
    capture = tmp_path / "capture.log"
    text = TEXT.replace("PATH", str(capture))
    running = gateway(text)

    def ask(new: str, *more: str) -> tuple[int, Any]:
        running.write_config(new)
        command = [sys.executable, "-m", "fastgw", "reload", "-c", str(running.config), "--json", *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, json.loads(done.stdout)

    for _ in range(3):
        assert get(running.port).endswith(b"hi")
    wait_until(lambda: capture.exists() and capture.read_text().count("\n") == 3)
    code, found = ask(text.replace('path: "/*"', 'path: "/b/*"'))
    assert (code, found["error"], found["rehearsal"]["lost"]) == (1, "refused", 3)
    assert "3 no route: 3 of GET" in found["detail"]
    assert running.admin("/status")["last_reload"]["rehearsal"]["state"] == "refused"
    assert get(running.port).endswith(b"hi")
    code, found = ask(text.replace('path: "/*"', 'path: "/b/*"'), "--force")
    assert (code, found["rehearsal"]["state"]) == (0, "forced") and b"404" in get(running.port)
    (line,) = events(running, "a new configuration was rehearsed")
    assert line["changes"] and line["requests"] >= 3
