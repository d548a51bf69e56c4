"""What cannot be registered, and where that is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems, read, with_service
from tests.unit.config.test_registration import AT, EDGE, with_registration


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (EDGE, "names no registry; give etcd or consul"),
        (AT, "registers nothing; give listeners, or register_as of a service"),
        (f"{AT}, {EDGE}, ttl: 1s", "registration.ttl: expected at least 2s"),
        (f"{AT}, listeners: [{{listener: edge, service: a}}]", "there is no listener 'edge'; there are 'listener-1'"),
        (f"{AT}, listeners: [{{listener: listener-1, service: a/b}}]", "expected the name of a service"),
        (f"{AT}, {EDGE.replace('}]', '}, {listener: listener-1, service: edge}]')}", "is the same member as"),
        (f"consul: {{deregister_after: 5s}}, {EDGE}", "expected at least 60s"),
        (f"consul: {{token: a, token_file: b}}, {EDGE}", "needs one of token and token_file"),
        (f"etcd: {{endpoints: []}}, {EDGE}", "is empty; it needs at least one URL"),
        (
            'consul: {}, listeners: [{listener: listener-1, service: a, metadata: {"a.b": c}}]',
            "Consul has no such name",
        ),
    ],
)
def test_mistakes(tmp_path: Path, text: str, words: str) -> None:
    found = problems(tmp_path, with_registration(text))
    assert any(words in one for one in found) and len(found) == 1, found


@pytest.mark.parametrize(
    ("bound", "words"),
    [
        ("0.0.0.0:18080", "takes every address of this host (0.0.0.0); say address"),
        ('"[::]:18080"', "takes every address of this host (::); say address"),
        ("localhost:18080", "is bound to the addresses of a name (localhost); say address"),
        ("unix:/tmp/x.sock", "is a unix socket, which others do not reach"),
    ],
)
def test_a_listener_that_others_do_not_know_the_address_of(tmp_path: Path, bound: str, words: str) -> None:
    whole = MINIMAL.replace("127.0.0.1:18080", bound)
    (problem,) = problems(tmp_path, with_registration(f"{AT}, {EDGE}", whole))
    assert words in problem
    said = EDGE.replace("edge}", "edge, address: '10.0.0.5:80'}")
    assert problems(tmp_path, with_registration(f"{AT}, {said}", whole)) == []


def test_services_that_are_registered_by_the_gateway(tmp_path: Path) -> None:
    whole = with_service("health: {path: /}, register_as: vision").replace(
        "- {path: /*, service: a}", "- {path: /*, reply: {status: 200}}"
    )
    spec = read(tmp_path, with_registration(AT, whole))
    assert spec.services[0].register_as == "vision"
    assert problems(tmp_path, whole)[0].endswith("register_as: needs registration, which says where")
    unwell = with_registration(AT, with_service("register_as: vision"))
    assert "needs health: only endpoints that answer are registered" in problems(tmp_path, unwell)[0]
    socket = with_registration(AT, whole.replace("127.0.0.1:19000", "unix:/tmp/x"))
    assert "is a unix socket, which others do not reach" in problems(tmp_path, socket)[0]


@pytest.mark.parametrize(
    ("into", "out_of", "is_circle"),
    [
        (AT, "etcd: {endpoints: ['http://b'], prefix: /services/vision}", True),
        (AT, "etcd: {endpoints: ['http://b'], prefix: /old/vision}", False),
        ("consul: {}", "consul: {service: vision}", True),
        ("consul: {}", "consul: {service: old}", False),
        (AT, "consul: {service: vision}", False),
    ],
)
def test_members_are_not_registered_where_they_come_from(
    tmp_path: Path, into: str, out_of: str, is_circle: bool
) -> None:
    whole = with_service(f"health: {{path: /}}, register_as: vision, discovery: {{{out_of}}}")
    found = problems(tmp_path, with_registration(into, whole))
    assert ["they would keep each other there" in one for one in found] == [True] * is_circle
