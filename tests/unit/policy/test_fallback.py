"""Which errors and answers are reasons for a fallback."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fastgw.core import labels
from fastgw.policy.fallback import CAUSES, CODES, STATUS, cause_of, is_meant

_PAGE = Path(__file__).parents[3] / "docs" / "errors.md"


def test_the_words_are_those_that_are_counted() -> None:
    assert (*CAUSES, STATUS) == labels.FALLBACK_CAUSES


def test_every_failure_of_an_endpoint_in_front_of_an_answer_is_a_cause() -> None:
    behind = {"stream_idle_timeout", labels.OTHER_CAUSE}  # no answer can be replaced that has begun
    assert {code for code in labels.CAUSES if not cause_of(code)} == behind


def test_every_code_of_a_cause_is_one_that_there_is() -> None:
    known = set(re.findall(r"^\| [0-9]{3} \| `(\w+)`", _PAGE.read_text(), re.MULTILINE))
    assert {code for codes in CODES.values() for code in codes} - {
        "breaker_open",
        "queue_full",
        "queue_timeout",
    } <= known


def test_what_is_the_client_s_own_fault_is_none() -> None:
    for code in ("content_too_large", "body_timeout", "client_gone", "rate_limited", "internal", ""):
        assert cause_of(code) == ""


@given(
    st.sets(st.sampled_from(CAUSES)),
    st.sets(st.integers(400, 599)),
    st.sampled_from((*CAUSES, "")),
    st.integers(400, 599),
)
def test_a_step_is_meant_by_its_cause_or_by_the_status(
    on: set[str], statuses: set[int], cause: str, status: int
) -> None:
    assert is_meant(on, statuses, cause, status) == (cause != "" and (cause in on or status in statuses))
    assert is_meant(on, statuses, STATUS, status) == (status in statuses)
