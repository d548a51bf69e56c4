"""How many answers a service has given."""

from __future__ import annotations

from fastgw.core import counters as layout
from fastgw.core.labels import CLASSES
from fastgw.telemetry.answers import answers_of


def test_each_class_is_the_sum_of_its_buckets_and_no_time_counts() -> None:
    block = [0] * layout.SERVICE.size
    for place in range(len(CLASSES) + 1):
        histogram = layout.SERVICE_ANSWERS_US + place * layout.HISTOGRAM_SIZE
        block[histogram] = 1_000_000  # microseconds
        block[histogram + 1] = place
        block[histogram + layout.HISTOGRAM_SIZE - 1] = 10
    block[layout.SERVICE_UNANSWERED] = 7
    assert answers_of(block) == [place + 10 for place in range(len(CLASSES) + 1)]
    assert answers_of(memoryview(bytearray(8 * layout.SERVICE.size)).cast("Q")) == [0] * (len(CLASSES) + 1)
