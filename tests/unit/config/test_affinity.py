"""The cookie of a service, as the file says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.spec import AffinitySpec
from tests.unit.config.files import problems, read, with_service

SECRET = "0123456789abcdef"


def test_a_cookie_and_its_secret(tmp_path: Path) -> None:
    text = with_service("affinity: {cookie: stay, secret: '${SECRET}', ttl: 1h}")
    (service,) = read(tmp_path, text, {"SECRET": SECRET}).services
    assert service.affinity == AffinitySpec("stay", (SECRET,), 3600)
    assert SECRET not in repr(service)


def test_a_secret_in_a_file_and_several(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    (service,) = read(tmp_path, with_service("affinity: {cookie: stay, secret_file: secret}")).services
    assert service.affinity == AffinitySpec("stay", (SECRET,), 0)
    text = with_service(f"affinity: {{cookie: stay, secret: [{SECRET}, {SECRET[::-1]}]}}")
    assert read(tmp_path, text).services[0].affinity == AffinitySpec("stay", (SECRET, SECRET[::-1]), 0)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (f"secret: {SECRET}", "affinity.cookie: is required"),
        ("cookie: stay", "6:39: services.a.affinity: needs secret or secret_file"),
        ("cookie: stay, secret: short", "affinity.secret: has 5 characters; a secret that nobody guesses has 16"),
        ("cookie: stay, secret: []", "affinity.secret: is empty"),
        (f"cookie: stay, secret: {SECRET}, secret_file: x", "affinity.secret_file: stands beside secret"),
        ("cookie: stay, secret_file: none", "affinity.secret_file: "),
        (f"cookie: 'a b', secret: {SECRET}", "affinity.cookie: expected the name of a cookie, got 'a b'"),
        (f"cookie: stay, secret: {SECRET}, ttl: 10ms", "affinity.ttl: is less than a second"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, keys: str, expected: str) -> None:
    found = problems(tmp_path, with_service(f"affinity: {{{keys}}}"))
    assert any(expected in one for one in found), found
    assert not any(SECRET in one for one in found)
