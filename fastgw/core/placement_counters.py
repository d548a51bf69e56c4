"""Rows of the table of counters (``core.counters``) that are of placement: why a request went to the endpoint that it went to."""

from __future__ import annotations

from typing import Final

from fastgw.core.counters import PLACEMENT

#: How a balancer found an endpoint by a prompt, in the order of ``policy.prefix_hash``.
PICKS: Final = ("owner", "spilled", "no_prefix")

PREFIX_PICKS = PLACEMENT.counter(
    "fastgw_prefix_picks",
    "Endpoints that were chosen by what a prompt begins with, by how.",
    "`spilled`: not the one that the prompt belongs to, which had too much in hand. See "
    "[`prefix`](configuration.md#servicesnameprefix).",
    label="placement",
    values=PICKS,
)
