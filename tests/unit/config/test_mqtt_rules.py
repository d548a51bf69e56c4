"""Listeners, routes, filters and services of MQTT need each other, and the file says so where one is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import problems, with_listener, with_service
from tests.unit.config.test_warn import warnings

FILE = """\
listeners:
  - {address: 127.0.0.1:18080}
  - {address: 127.0.0.1:18081, protocols: PROTOCOLS}
routes:
  - {path: /mqtt, service: a, filters: FILTERS}
filters:
  devices: {type: mqtt}
  other: {type: maintenance}
services:
  a: {endpoints: ["127.0.0.1:19000"], SERVICE}
"""


def file(protocols: str = "[mqtt]", filters: str = "[devices]", service: str = "protocol: mqtt") -> str:
    return FILE.replace("PROTOCOLS", protocols).replace("FILTERS", filters).replace("SERVICE", service)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (file(), ""),
        (file(filters="[mqtt]"), ""),
        (file(service="protocol: mqtt, health: {type: tcp}"), ""),
        (file(filters="[other]"), "'a' is a broker of MQTT, which needs a filter of type mqtt in the chain"),
        (file(filters="[]"), "'a' is a broker of MQTT"),
        (file(service="protocol: h2"), "lets clients through to brokers (protocol: mqtt), and 'a' is none"),
        (file(protocols="[mqtt, http/1.1]"), "mqtt is spoken alone"),
        (file(protocols="[h2]"), "http/1.1 must be there"),
        (file(service="protocol: mqtt, health: {type: http}"), "http probes speak HTTP, and a broker of MQTT does not"),
        (file(service="protocol: mqtt, hedge: {after: 1s}"), "has no effect with protocol: mqtt"),
        (file().replace("service: a,", "reply: {status: 200},"), "and this route leads to none"),
        (
            file(filters="[]").replace("routes:", "chain: [devices]\nroutes:"),
            "",
        ),
    ],
)
def test_what_is_missing_is_told(tmp_path: Path, text: str, words: str) -> None:
    found = problems(tmp_path, text)
    assert words in "\n".join(found) and bool(found) == bool(words), found


def test_few_clients_have_a_connection_by_default(tmp_path: Path) -> None:
    (said,) = [line for line in warnings(tmp_path, file()) if "broker" in line]
    assert "256 are the most here; say pool.max_connections" in said
    more = file(service="protocol: mqtt, pool: {max_connections: 5000}")
    assert not [line for line in warnings(tmp_path, more) if "say pool.max_connections" in line]
    assert not problems(tmp_path, with_service("protocol: http/1.1")) and not problems(
        tmp_path, with_listener("protocols: [http/1.1]")
    )
