"""What is said of the difference of two configurations."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fastgw.config.changes import changes
from fastgw.config.load import load

OLD = """\
workers: 2
listeners:
  - {name: edge, address: "127.0.0.1:8080"}
routes:
  - {name: chat, path: /v1/*, service: llm, max_body: 1MiB}
  - {name: gone, path: /old/*, service: llm}
  - {name: split, path: /s/*, split: [{service: llm, weight: 9}, {service: other, weight: 1}]}
services:
  llm:
    endpoints: [{address: "127.0.0.1:9000", weight: 1}, "127.0.0.1:9001"]
    pool: {max_connections: 64}
    affinity: {cookie: at, secret: 0123456789abcdef}
  other: {endpoints: ["127.0.0.1:9002"], health: {path: /ok, headers: {authorization: Bearer one, x-probe: a}}}
filters:
  who: {type: oauth2_introspection, url: "https://id.example/introspect", client_id: gw, client_secret: first-secret}
  limit: {type: rate_limit, limits: [{rate: 10/s}]}
"""


def said(tmp_path: Path, *replaced: tuple[str, str], old: str = OLD) -> list[str]:
    new = old
    for one, other in replaced:
        assert one in new
        new = new.replace(one, other)
    paths = []
    for name, text in (("old", old), ("new", new)):
        (tmp_path / name).mkdir()
        paths.append(tmp_path / name / f"{name}.yaml")
        paths[-1].write_text(text)
    return changes(load(paths[0], os.environ), load(paths[1], os.environ))


def test_the_same_elsewhere_is_the_same(tmp_path: Path) -> None:
    assert said(tmp_path, ("workers: 2", "# two of them\nworkers: 2"), ("1MiB", "1048576")) == []


@pytest.mark.parametrize(
    ("one", "other", "line"),
    [
        ("workers: 2", "workers: 4", "gateway: workers: 2 -> 4"),
        ("workers: 2", "workers: 2\nadmin_socket: x.sock", "gateway: admin_socket: none -> x.sock"),
        ("name: edge", "name: edge, limits: {connections: 7}", "listener edge: limits.connections: 10000 -> 7"),
        (":8080", ":8081", "listener edge: bind.address: 127.0.0.1:8080 -> 127.0.0.1:8081"),
        ("  - {name: gone, path: /old/*, service: llm}\n", "", "route gone: removed"),
        ("routes:\n", "routes:\n  - {name: more, path: /m, service: llm}\n", "route more: added (/m, llm)"),
        ("/v1/*", "/v2/*", "route chat: path: /v1/* -> /v2/*"),
        ("1MiB", "2MiB", "route chat: max_body: 1048576 -> 2097152"),
        ("weight: 9", "weight: 8", "route split: split llm weight: 9 -> 8"),
        ('{address: "127.0.0.1:9000", weight: 1}, ', "", "service llm: endpoint 127.0.0.1:9000 removed"),
        (', "127.0.0.1:9001"', ', "127.0.0.1:9001", "127.0.0.1:9003"', "service llm: endpoint 127.0.0.1:9003 added"),
        ('9000", weight: 1', '9000", weight: 3', "service llm: endpoint 127.0.0.1:9000 weight: 1 -> 3"),
        ("max_connections: 64", "max_connections: 128", "service llm: pool.max_connections: 64 -> 128"),
        ("x-probe: a", "x-probe: b", "service other: health.headers x-probe: a -> b"),
        ("Bearer one", "Bearer two", "service other: health.headers authorization changed (not shown)"),
        ("0123456789abcdef", "fedcba9876543210", "service llm: affinity.secrets changed (not shown)"),
        ("first-secret", "other-secret", "filter who: client_secret changed (not shown)"),
    ],
)
def test_a_change_is_one_line(tmp_path: Path, one: str, other: str, line: str) -> None:
    assert said(tmp_path, (one, other)) == [line]


def test_nothing_secret_is_in_what_is_said(tmp_path: Path) -> None:
    jwt = "  pass: {type: jwt, issuer: a, audience: b, algorithms: [HS256], keys: [{secret: SECRETSECRETSECRETSECRETSECRETSE}]}\n"
    told = said(tmp_path, (jwt, jwt.replace("SECRETSE}", "SECRETXX}")), old=OLD + jwt)
    assert told
    assert not any("U0VD" in line or "SECRET" in line for line in told)  # base64 of it neither


def test_services_come_and_go_with_what_they_are(tmp_path: Path) -> None:
    told = said(tmp_path, ("services:\n", 'services:\n  new: {endpoints: ["127.0.0.1:9005"], tls: {verify: true}}\n'))
    assert told == ["service new: added (127.0.0.1:9005)"]


def test_a_block_that_comes_is_told_once(tmp_path: Path) -> None:
    told = said(tmp_path, ("    pool: {", "    admission: {limit: 5}\n    pool: {"))
    assert any(line == "service llm: admission.limit added: 5" for line in told)
    assert not any(line.startswith("service llm: admission:") for line in told), told
