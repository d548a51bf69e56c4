"""Rows of the table of counters (``core.counters``) that are of models: what a service has used of each (``filters.usage``).

The names are those of the OpenTelemetry conventions for generative AI, as Prometheus spells them.
"""

from __future__ import annotations

from typing import Final

from fastgw.core import labels
from fastgw.core.counters import MODEL

OTHER: Final = "other"  #: models that the configuration does not name

INPUT_TOKENS = MODEL.counter(
    "gen_ai_client_inference_usage_input_tokens",
    "Tokens of prompts, those included that a cache of the service had.",
    "See [usage](usage.md#metrics).",
)
OUTPUT_TOKENS = MODEL.counter(
    "gen_ai_client_inference_usage_output_tokens", "Tokens that were generated, those of reasoning included."
)
CACHE_READ_TOKENS = MODEL.counter(
    "gen_ai_client_inference_usage_cache_read_input_tokens", "Of the tokens of prompts those that a cache had."
)
REASONING_TOKENS = MODEL.counter(
    "gen_ai_client_inference_usage_reasoning_output_tokens", "Of the tokens that were generated those of reasoning."
)
ESTIMATED_TOKENS = MODEL.counter(
    "fastgw_usage_estimated_tokens",
    "Of these tokens those that were estimated, as the service had not told of them.",
    "See [estimates](usage.md#estimates).",
    label="gen_ai_token_type",
    values=labels.TOKEN_TYPES,
)
DURATION_US = MODEL.histogram(
    "gen_ai_server_request_duration_seconds",
    "From the end of a request's head to the end of its answer, of requests that a model has answered.",
    "[Buckets](#durations).",
)
FIRST_TOKEN_US = MODEL.histogram(
    "gen_ai_server_time_to_first_token_seconds",
    "From the end of a request's head to the first event with content, of streams.",
)
PER_TOKEN_US = MODEL.histogram(
    "gen_ai_server_time_per_output_token_seconds",
    "For each token behind the first, to the end of the answer, of streams.",
)
