"""What a service speaks, as the file says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.core.settings import DIALECT, DialectSettings
from tests.unit.config.files import problems, read, with_service


def test_a_name_alone_and_options(tmp_path: Path) -> None:
    spec = read(tmp_path, with_service("dialect: openai"))
    assert spec.services[0].dialect == DialectSettings("openai", 4096, "max_tokens")
    assert spec.routes[0].settings.errors == DIALECT
    (service,) = read(tmp_path, with_service("dialect: {name: anthropic, max_tokens: 9}")).services
    assert service.dialect == DialectSettings("anthropic", 9, "max_tokens")
    (service,) = read(tmp_path, with_service("dialect: {name: openai, max_tokens_as: max_completion_tokens}")).services
    assert service.dialect == DialectSettings("openai", 4096, "max_completion_tokens")


def test_none(tmp_path: Path) -> None:
    spec = read(tmp_path, with_service("balance: random"))
    assert spec.services[0].dialect is None and spec.routes[0].settings.errors == "problem"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("dialect: openapi", "expected openai or anthropic, got 'openapi'"),
        ("dialect: {max_tokens: 5}", "services.a.dialect.name"),
        ("dialect: {name: anthropic, max_tokens: 0}", "services.a.dialect.max_tokens"),
        ("dialect: {name: openai, max_tokens_as: tokens}", "services.a.dialect.max_tokens_as"),
    ],
)
def test_what_is_none(tmp_path: Path, keys: str, expected: str) -> None:
    (told,) = problems(tmp_path, with_service(keys))
    assert expected in told
