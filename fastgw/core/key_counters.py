"""Rows of the table of counters (``core.counters``) that are of keys: what each has used of models (``filters.key_usage``)."""

from __future__ import annotations

from fastgw.core import labels
from fastgw.core.counters import KEY

KEY_REQUESTS = KEY.counter(
    "fastgw_key_requests",
    "Requests with the key that a filter `usage` has metered.",
    "For `keys` of that filter. See [usage](usage.md#by-key).",
)
KEY_TOKENS = KEY.counter(
    "fastgw_key_tokens",
    "Tokens that these have taken: of prompts, and generated.",
    label="gen_ai_token_type",
    values=labels.TOKEN_TYPES,
)
KEY_COST = KEY.counter(
    "fastgw_key_cost_nanos", "What these have cost, in billionths of the currency that the `prices` of `usage` are in."
)
