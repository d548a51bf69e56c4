"""The metrics of what a gateway depends on (``server.dependencies``)."""

from __future__ import annotations

from typing import Final

from fastgw.core.blocks import GAUGE, Metric
from fastgw.telemetry.totals import CONNECTED, QUIET

_LABELS: Final = ("kind", "name")

DEPENDENCY_FACTS: Final = (
    (
        Metric(
            "fastgw_dependency_up",
            GAUGE,
            "1 while what the gateway depends on can be asked and is believed, or nobody had to ask it.",
            _LABELS,
            "[All kinds](edge.md), each also with metrics of its own; alert on several at 0: the node is cut off.",
        ),
        lambda facts: [((one.kind, one.name), float(one.state in (CONNECTED, QUIET))) for one in facts.dependencies],
    ),
    (
        Metric(
            "fastgw_dependency_age_seconds",
            GAUGE,
            "Age of the last good state that it has told, or of its last sign of life.",
            _LABELS,
            "There is none of what has told nothing yet, and of what only workers ask.",
        ),
        lambda facts: [((one.kind, one.name), one.age) for one in facts.dependencies if one.age is not None],
    ),
)
