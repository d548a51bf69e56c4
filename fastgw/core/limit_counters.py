"""Rows of the table of counters (``core.counters``) that are of limits of models, each by its filter and its words
(``filters.token_limit``)."""

from __future__ import annotations

from typing import Final

from fastgw.core.counters import LIMIT

NOTED: Final = "noted"  #: limits that other filters say of their clients, and that the list of the filter has not

REFUSED = LIMIT.counter(
    "fastgw_token_limit_refused",
    "Requests that a limit of models refused; with `dry_run` those that it would have refused.",
    "See [limits of models](limits.md#metrics).",
)
TOO_LARGE = LIMIT.counter(
    "fastgw_token_limit_too_large", "Requests refused because they alone ask for more than the limit ever has."
)
RESERVED = LIMIT.counter(
    "fastgw_token_limit_reserved",
    "What requests have reserved when they were admitted, in the unit of the limit; of cost in millionths.",
)
CHARGED = LIMIT.counter("fastgw_token_limit_charged", "What they were charged in the end.")
CUT = LIMIT.counter(
    "fastgw_token_limit_cut",
    "Streams that ended because the limit had no more for them.",
    "See [streams](limits.md#streams).",
)
