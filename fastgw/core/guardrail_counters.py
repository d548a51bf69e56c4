"""Rows of the table of counters (``core.counters``) that are of guard rails (``filters.guardrails``)."""

from __future__ import annotations

from typing import Final

from fastgw.core.counters import GUARDRAILS

#: What was refused, and what was put in the place of something.
RULES: Final = ("tokens", "choices", "parameters", "images", "phrases", "tokens_clamped", "tokens_set")
TOKENS, CHOICES, PARAMETERS, IMAGES, PHRASES, CLAMPED, SET = range(len(RULES))

GUARDED = GUARDRAILS.counter(
    "fastgw_guardrails",
    "Requests of the route that a filter `guardrails` has refused, or changed, by the rule.",
    "`tokens_clamped` and `tokens_set` went on with another number. See [`guardrails`](filters.md#guardrails).",
    label="rule",
    values=RULES,
)
