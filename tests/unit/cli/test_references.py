"""What a configuration refers to: each once, with all places where the file says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.cli.references import references
from fastgw.config.load import inspect
from fastgw.config.spec import GatewaySpec
from tests.unit.config.files import MINIMAL

EVERYTHING = """
listeners: [{address: "127.0.0.1:18080"}]
telemetry: {otlp: "http://127.0.0.1:4318", traces: {sample: 100%}}
filters:
  tokens: {type: jwt, algorithms: RS256, keys: {url: "http://127.0.0.1:1/jwks"}}
  quota: {type: rate_limit, limits: [{rate: 10/s}], cluster: {redis: "redis://127.0.0.1:6379/0"}}
routes:
  - {path: /a, service: a, filters: [tokens, quota]}
  - {path: /b, service: b}
services:
  a:
    versions:
      one:
        weight: 1
        discovery: {etcd: &etcd {endpoints: ["http://127.0.0.1:1", "http://127.0.0.1:2"], prefix: /a}, where: {version: "1"}}
      two: {weight: 1, discovery: {etcd: *etcd, file: {path: /m.yaml}}}
  b: {discovery: {dns: {name: b.test}}}
"""


def spec_of(text: str, folder: Path) -> GatewaySpec:
    path = folder / "gw.yaml"
    path.write_text(text)
    found = inspect(path, {})
    assert found.spec is not None, found.problems
    return found.spec


def test_each_is_there_once_with_all_its_places(tmp_path: Path) -> None:
    pytest.importorskip("hiredis")
    found = references(spec_of(EVERYTHING, tmp_path))
    of_a = ("services", "a", "versions")
    assert [one[:3] for one in found] == [
        (
            "etcd",
            "etcd http://127.0.0.1:1,http://127.0.0.1:2/a/",
            ((*of_a, "one", "discovery", "etcd"), (*of_a, "two", "discovery", "etcd")),
        ),
        ("file", "file /m.yaml", ((*of_a, "two", "discovery", "file"),)),
        ("dns", "dns b.test", (("services", "b", "discovery", "dns"),)),
        (
            "etcd",
            "etcd http://127.0.0.1:1,http://127.0.0.1:2",
            ((*of_a, "one", "discovery", "etcd", "endpoints"), (*of_a, "two", "discovery", "etcd", "endpoints")),
        ),
        ("redis", "redis://127.0.0.1:6379/0", (("filters", "quota"),)),
        ("keys", "http://127.0.0.1:1/jwks", (("filters", "tokens"),)),
        ("telemetry", "http://127.0.0.1:4318", (("telemetry", "otlp"),)),
    ]


def test_a_file_that_refers_to_nothing(tmp_path: Path) -> None:
    assert references(spec_of(MINIMAL, tmp_path)) == []
