"""What is wrong between dialects, what stands in for services, and routes."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.core.settings import DIALECT
from tests.unit.config.files import problems, read

FILE = """\
listeners: [{address: "127.0.0.1:18080"}]
routes:
  - {path: /one, service: a}
  - {path: /two, split: [{service: a, weight: 1}, {service: c, weight: 1}], errors: openai}
  - {path: /three, service: d}
  - {path: /v1/*, models: true}
services:
  a: {endpoints: ["127.0.0.1:19000"], dialect: openai, fallback: [{service: b}]}
  b: {endpoints: ["127.0.0.1:19001"], dialect: openai}
  c: {endpoints: ["127.0.0.1:19002"], dialect: anthropic}
  d: {endpoints: ["127.0.0.1:19003"]}
models:
  big: {service: a, fallback: [other, small]}  # models may be anywhere
  small: {service: b}
  other: {service: c}
"""


def test_what_can_be(tmp_path: Path) -> None:
    spec = read(tmp_path, FILE)
    assert [one.settings.errors for one in spec.routes] == [DIALECT, "openai", "problem", DIALECT]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            "dialect: anthropic",
            "dialect: {name: anthropic, max_tokens_as: max_tokens}",
            "c.dialect.max_tokens_as: is of openai",
        ),
        ("openai, fallback", "{name: openai, max_tokens: 5}, fallback", "a.dialect.max_tokens: is of anthropic"),
        ("[{service: b}]", "[{service: c}]", "services.a.fallback[0].service: 'c' speaks anthropic and 'a' openai"),
        ("[{service: b}]", "[{service: d}]", "services.a.fallback[0].service: 'd' speaks what nobody says and 'a'"),
        ("service: a}", "service: a, body_buffer: 0}", "routes[0].body_buffer: says that the service reads bodies"),
        (
            "service: a}",
            "service: a, cache: {methods: [GET, POST], ttl: 5s}}",
            "routes[0].cache.methods: has POST: answers are kept as the service gives them",
        ),
        ("errors: openai", "body_buffer: 0", "routes[1].body_buffer: says that the service reads bodies"),
    ],
)
def test_what_cannot(tmp_path: Path, before: str, after: str, expected: str) -> None:
    (told,) = problems(tmp_path, FILE.replace(before, after, 1))
    assert expected in told


def test_nothing_is_told_of_what_is_unsound(tmp_path: Path) -> None:
    (told,) = problems(
        tmp_path, FILE.replace("dialect: anthropic", "dialect: latin").replace("[{service: b}]", "[{service: c}]")
    )
    assert "services.c.dialect" in told
