"""Rows of the table of counters (``core.counters``) that are of placement: why a request went to the endpoint that it went to."""

from __future__ import annotations

from typing import Final

from fastgw.core.counters import PLACEMENT

#: How a balancer found an endpoint by a prompt, in the order of ``policy.prefix_hash``.
PICKS: Final = ("owner", "spilled", "no_prefix")

#: What became of the choice of an endpoint picker.
PICKER_OUTCOMES: Final = ("first", "another", "unknown")

#: What became of load reports in answers.
REPORT_OUTCOMES: Final = ("read", "ignored")

PICKER_PICKS = PLACEMENT.counter(
    "fastgw_endpoint_picker_picks",
    "Requests for which an endpoint picker had chosen the endpoint, by what became of that.",
    "`another`: one behind the first that it named; `unknown`: it named none that may be asked, so `balance` has chosen. See "
    "[`endpoint_picker`](configuration.md#endpoint-pickers).",
    label="outcome",
    values=PICKER_OUTCOMES,
)
PREFIX_PICKS = PLACEMENT.counter(
    "fastgw_prefix_picks",
    "Endpoints that were chosen by what a prompt begins with, by how.",
    "`spilled`: not the one that the prompt belongs to, which had too much in hand. See "
    "[`prefix`](configuration.md#servicesnameprefix).",
    label="placement",
    values=PICKS,
)
REPORTS = PLACEMENT.counter(
    "fastgw_load_reports",
    "Load reports (ORCA) in answers of the service, by what became of them.",
    "`ignored`: it could not be read, or says nothing that counts here. See [`engine`](configuration.md#load-reports).",
    label="outcome",
    values=REPORT_OUTCOMES,
)
