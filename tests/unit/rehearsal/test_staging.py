"""What is tried of a configuration, what is left out, and what has to be known of a request for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fastgw.config.filters import FILTERS
from fastgw.config.transformers import TRANSFORMERS
from fastgw.rehearsal.captures import RecordedRequest, read_line
from fastgw.rehearsal.staging import TRANSFORMING, TRIED, WITNESS, needs, staged, unknown
from tests.unit.config.files import read

TEXT = """
listeners: [{name: edge, address: "127.0.0.1:18080"}, {name: safe, address: "127.0.0.1:18081", before_routing: [old]}]
chain: [ids, cors]
filters:
  ids: {type: request_id}
  cors: {type: cors, origins: ["https://a.test"]}
  old: {type: rewrite, strip_prefix: /old}
  guard: {type: guardrails, max_tokens: 5}
  quota: {type: rate_limit, limits: [{rate: 10/s}]}
  move: {type: redirect}
routes:
  - {name: a, path: /a, service: one, filters: [quota, guard]}
  - {name: b, path: /b, service: one, filters: [move], mirror: {service: two}, cache: {}}
  - {name: m, path: /m/*, models: true}
services:
  one: {endpoints: ["a.test:80"], tls: {}, retry: {attempts: 3}}
  two: {endpoints: ["10.0.0.2:80"]}
models: {small: {service: one}}
"""


def request(**changed: Any) -> RecordedRequest:
    return read_line(
        json.dumps({"v": 1, "target": "/a", "method": "POST", "scheme": "http"} | changed).encode() + b"\n"
    )


def test_what_decides_by_the_request_stays_and_what_asks_somebody_goes(tmp_path: Path) -> None:
    witness = object()
    found = staged(read(tmp_path, TEXT), witness)
    assert found.chain == (WITNESS, "cors") and found.listeners[1].before_routing == ("old",)
    assert [one.filters for one in found.routes] == [("guard",), ("move",), ()]
    assert [one.mirror for one in found.routes] == [one.cache for one in found.routes] == [None] * 3
    assert {one.name for one in found.filters} == {WITNESS, "cors", "old", "guard", "move"}
    assert dict(found.filters[0].options) == {"filter": witness}
    for one in found.services:
        assert one.tls is None and one.settings.retry.attempts == 1 and not one.endpoints[0].address.is_name


def test_what_makes_them_is_what_the_configuration_names() -> None:
    assert TRIED.keys() <= {one.made_by for one in FILTERS.values()}
    assert {one.made_by for one in TRANSFORMERS.values()} >= TRANSFORMING


@pytest.mark.parametrize(
    ("way", "changed", "why"),
    [
        (0, {}, ""),
        (0, {"fields": [["origin", "#12"]]}, "filter cors: origin was recorded as a hash"),
        (0, {"fields": [["origin", "https://a.test"]]}, ""),
        (0, {"body": {"size": 3}}, "filter guard: bodies were not recorded whole"),
        (0, {"body": {"size": 3, "data": "YWJj"}}, ""),
        (1, {"body": {"size": 3}}, ""),
        (1, {"scheme": "https"}, "filter move: somebody in front has spoken TLS"),
        (2, {"body": {"size": 3}}, "models of route m: bodies were not recorded whole"),
        (1, {"fields": [["upgrade", "#12"]]}, "it asked for another protocol"),
        (1, {"fields": [["content-type", "application/grpc+proto"]]}, "it was a call of gRPC"),
    ],
)
def test_what_has_to_be_known(tmp_path: Path, way: int, changed: dict[str, Any], why: str) -> None:
    spec = read(tmp_path, TEXT)
    assert unknown(needs(spec, spec.listeners[0], spec.routes[way]), request(**changed), spec.listeners[0]) == why
