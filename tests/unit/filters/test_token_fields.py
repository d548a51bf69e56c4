"""What SDKs are told of limits, by each dialect's own fields."""

from __future__ import annotations

from fastgw.filters.rate_fields import SECOND, Told
from fastgw.filters.token_fields import fields, refused

TOKENS = Told(1, "tokens", 100, 60 * SECOND, 30, 42 * SECOND + 1)
FEWER = Told(2, "tokens", 900, 60 * SECOND, 20, 58_500_000_000)
REQUESTS = Told(3, "requests", 9, 60 * SECOND, 8, 6 * SECOND)
PROMPT = Told(4, "prompt_tokens", 50, 60 * SECOND, 50, 0)
COST = Told(5, "cost", 10**6, 60 * SECOND, 5, SECOND)
ALL = (TOKENS, FEWER, REQUESTS, PROMPT, COST)


def test_openai_knows_requests_and_tokens_of_that_which_has_least() -> None:
    assert dict(fields("openai", ALL, 0.0)) == {
        "x-ratelimit-limit-requests": "9",
        "x-ratelimit-remaining-requests": "8",
        "x-ratelimit-reset-requests": "6000ms",
        "x-ratelimit-limit-tokens": "900",
        "x-ratelimit-remaining-tokens": "20",
        "x-ratelimit-reset-tokens": "58500ms",
    }
    assert fields("ollama", (COST,), 0.0) == ()


def test_anthropic_is_told_times() -> None:
    found = dict(fields("anthropic", ALL, 1789000000.0))
    assert found["anthropic-ratelimit-tokens-remaining"] == "20"
    assert found["anthropic-ratelimit-tokens-reset"] == "2026-09-10T00:27:39.000Z"
    assert found["anthropic-ratelimit-input-tokens-limit"] == "50"
    assert len(found) == 9


def test_who_is_refused_is_told_to_wait_and_not_in_vain() -> None:
    assert refused("openai", (), 1_500_000_000, 0.0) == (("retry-after", "2"), ("retry-after-ms", "1500"))
    assert refused("openai", (), 0, 0.0) == (("retry-after", "1"), ("retry-after-ms", "1"))
    assert refused("openai", (), 61 * SECOND, 0.0)[2] == ("x-should-retry", "false")
    assert dict(refused("anthropic", (REQUESTS,), SECOND, 0.0))["anthropic-ratelimit-requests-remaining"] == "8"
