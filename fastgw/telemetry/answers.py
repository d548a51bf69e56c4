"""How many answers a service has given, of the counts of its block."""

from __future__ import annotations

from collections.abc import Sequence

from fastgw.core.counters import HISTOGRAM_SIZE, SERVICE_ANSWERS_US, SERVICE_UNANSWERED


def answers_of(block: Sequence[int] | memoryview) -> list[int]:
    """By class of status, in the order of ``core.labels.CLASSES``, and last those of none of them."""
    places = range(SERVICE_ANSWERS_US, SERVICE_UNANSWERED, HISTOGRAM_SIZE)
    return [sum(block[place + 1 : place + HISTOGRAM_SIZE]) for place in places]
