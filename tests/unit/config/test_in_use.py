"""The configuration in use, as it is shown."""

from __future__ import annotations

import json
from pathlib import Path

from fastgw.config.in_use import described
from fastgw.config.load import load

TEXT = """
admin: {address: "127.0.0.1:9905", token: SECRET-0123456789abcdef}
workers: 2
listeners: [{name: edge, address: "127.0.0.1:0", filters: [keys, log]}]
routes: [{name: all, path: "/*", service: llm}]
services:
  llm:
    endpoints: ["10.0.0.1:1", "10.0.0.2:2"]
    pool: {max_connections: 7}
    affinity: {cookie: at, secret: SECRET-0123456789abcdef}
filters:
  keys: {type: headers, request: {set: {authorization: Bearer SECRET, x-plain: shown}}}
  log: {type: access_log}
"""


def test_every_key_is_shown_and_nothing_that_is_secret(tmp_path: Path) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(TEXT)
    found = described(load(path, {}))
    assert found["gateway"]["workers"] == 2 and found["gateway"]["admin.address"] == "127.0.0.1:9905"
    assert found["gateway"]["admin.token"] == "(not shown)"
    assert found["services"]["llm"]["pool.max_connections"] == 7
    assert found["services"]["llm"]["affinity.secrets"] == "(not shown)"
    assert found["routes"]["all"]["path"] == "/*" and "edge" in found["listeners"]
    told = json.dumps(found)  # it is plain data
    assert "SECRET" not in told and "shown" in told
