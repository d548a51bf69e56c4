"""The rules a request was probably meant for."""

from __future__ import annotations

import pytest

from fastgw.routing.nearest import Nearest

RULES = [
    ("", "/v1/chat/completions", "openai"),
    ("", "/v1/models/{model}", "openai"),
    ("", "/v1/health", "problem"),
    ("", "/app/*", "problem"),
    ("", "/app/ai/chat", "openai"),
    ("", "/", "problem"),
    ("", "/docs", "problem"),
    ("api.example", "/*", "openai"),
    ("*.example", "/only/here", "openai"),
    ("*.example", "/other", "problem"),
    ("*.deep.example", "/", "problem"),
]


@pytest.mark.parametrize(
    ("host", "path", "word"),
    [
        (b"", b"/v1/chat", "openai"),
        (b"", b"/v1/chat/other", "openai"),
        (b"", b"/v1/models/x/y", "openai"),
        (b"", b"/v1/none", "openai"),  # two of three rules below /v1
        (b"", b"/v1/health/x", "problem"),
        (b"", b"/v1", "openai"),
        (b"", b"/app/ai/other", "openai"),
        (b"", b"/app/other", "problem"),  # as many of the one as of the other
        (b"", b"/nothing", "problem"),
        (b"", b"*", "problem"),
        (b"", b"//v1/chat", "problem"),
        (b"api.example", b"/docs", "problem"),  # a rule for any host is nearer by its path
        (b"API.example", b"/nothing", "openai"),
        (b"a.example", b"/only", "openai"),
        (b"a.example", b"/none", "problem"),
        (b"a.b.example", b"/only/x", "openai"),
        (b"a.deep.example", b"/x", "problem"),
        (b"example", b"/only", "problem"),
    ],
)
def test_word_of_the_nearest_rules(host: bytes, path: bytes, word: str) -> None:
    assert Nearest(RULES).find(host, path) == word


def test_a_host_that_no_rule_takes_is_near_to_all() -> None:
    rules = [("a.example", "/v1/*", "openai"), ("b.example", "/x", "problem"), ("b.example", "/y", "problem")]
    nearest = Nearest(rules)
    assert nearest.find(b"c.example", b"/v1/chat") == "openai"
    assert nearest.find(b"c.example", b"/") == "problem"


def test_a_long_path_costs_no_more_than_the_deepest_rule() -> None:
    assert Nearest(RULES).find(b"", b"/v1/chat" + b"/x" * 4000) == "openai"
