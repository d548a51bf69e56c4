"""Where a gateway is registered, as the file says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.changes import changes
from fastgw.config.in_use import described
from fastgw.core.sources import (
    AgentSettings,
    ClientTls,
    EtcdSettings,
    RegisteredListener,
    RegistrationSettings,
    RegistryUrl,
)
from fastgw.server.pieces import bare
from tests.unit.config.files import MINIMAL, problems, read

AT = 'etcd: {endpoints: ["http://127.0.0.1"]}'
EDGE = "listeners: [{listener: listener-1, service: edge}]"


def with_registration(text: str, whole: str = MINIMAL) -> str:
    return f"zone: eu-1\nregistration: {{{text}}}\n{whole}"


def settings(tmp_path: Path, text: str) -> RegistrationSettings:
    found = read(tmp_path, with_registration(text)).registration
    assert isinstance(found, RegistrationSettings)
    return found


def test_what_must_be_said(tmp_path: Path) -> None:
    assert settings(tmp_path, f"{AT}, {EDGE}") == RegistrationSettings(
        EtcdSettings((RegistryUrl(False, "127.0.0.1", 2379),), "/services"),
        None,
        (RegisteredListener("listener-1", "edge", "", 0, 1, "eu-1"),),
    )
    assert read(tmp_path, MINIMAL).registration is None


def test_and_all_that_can_be(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("word\n")
    text = """
      etcd: {endpoints: ["http://127.0.0.1"], prefix: /x/, user: me, password_file: secret, timeout: 1s},
      consul: {endpoint: "http://127.0.0.1:1", tags: [a, b, a], token_file: secret, timeout: 2s, deregister_after: 5m,
               tls: {server_name: a.test}},
      listeners: [{listener: listener-1, service: edge, address: "10.0.0.5:8443", weight: 3, zone: us, version: 1.10,
                   metadata: {gpu: h100}}],
      ttl: 20s, drain: 3s
    """
    assert settings(tmp_path, text) == RegistrationSettings(
        EtcdSettings((RegistryUrl(False, "127.0.0.1", 2379),), "/x", "me", "word", timeout=1.0),
        AgentSettings(
            RegistryUrl(False, "127.0.0.1", 1), "word", ("a", "b"), ClientTls(server_name="a.test"), 2.0, 300.0
        ),
        (RegisteredListener("listener-1", "edge", "10.0.0.5", 8443, 3, "us", (("gpu", "h100"), ("version", "1.10"))),),
        20.0,
        3.0,
    )


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("10.0.0.5", ("10.0.0.5", 0)),
        ('"[2001:db8::5]:443"', ("2001:db8::5", 443)),
        ('"2001:db8::5"', ("2001:db8::5", 0)),
    ],
)
def test_addresses_by_which_a_listener_is_reached(tmp_path: Path, address: str, found: tuple[str, int]) -> None:
    text = f"{AT}, listeners: [{{listener: listener-1, service: edge, address: {address}}}]"
    (one,) = settings(tmp_path, text).listeners
    assert (one.host, one.port) == found


@pytest.mark.parametrize(
    "address", ["edge.test", "0.0.0.0", '"10.0.0.5:0"', '"10.0.0.5:99999"', '"[::]:80"', "224.0.0.1"]
)
def test_and_those_that_are_none(tmp_path: Path, address: str) -> None:
    text = f"{AT}, listeners: [{{listener: listener-1, service: edge, address: {address}}}]"
    (problem,) = problems(tmp_path, with_registration(text))
    assert "registration.listeners[0].address: expected" in problem


def test_no_worker_and_nobody_else_is_told_a_secret(tmp_path: Path) -> None:
    text = f"etcd: {{endpoints: ['http://127.0.0.1'], user: me, password: s3cret}}, consul: {{token: t0ken}}, {EDGE}"
    spec = read(tmp_path, with_registration(text))
    assert bare(spec).registration is None
    shown = (
        str(described(spec)) + str(changes(read(tmp_path, MINIMAL), spec)) + str(changes(spec, read(tmp_path, MINIMAL)))
    )
    assert "s3cret" not in shown and "t0ken" not in shown and "registration" in shown
