"""The rows of answers that are none lie in the block of a service, behind its own."""

from __future__ import annotations

from fastgw.core import answer_counters, counters


def test_each_cause_has_its_place() -> None:
    rows = {row.name: row for row in counters.SERVICE}
    broken, misfit = rows["fastgw_streams_broken"], rows["fastgw_answers_misfit"]
    assert broken.labels == ("service", "cause") and broken.values == answer_counters.STREAM_ENDS
    assert misfit.labels == ("service", "reason") and misfit.values == answer_counters.MISFITS
    assert counters.SERVICE_LIMIT < broken.index < misfit.index < answer_counters.ERRORS_REDACTED
    assert counters.SERVICE.size > answer_counters.ERRORS_REDACTED
