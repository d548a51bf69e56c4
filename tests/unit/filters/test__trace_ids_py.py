"""Ids of traces and spans, in both forms."""

from __future__ import annotations

import importlib
import itertools
from importlib.util import find_spec
from typing import Any

import pytest

FORMS = [importlib.import_module("fastgw.filters._trace_ids_py")]
if find_spec("fastgw.filters._trace_ids") is not None:
    FORMS.append(importlib.import_module("fastgw.filters._trace_ids"))

both = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__.rpartition(".")[2])


def counting(*numbers: int) -> Any:
    """Chance that gives these numbers, each of 64 bits, over and over."""
    return lambda _: b"".join(one.to_bytes(8, "big") for one in numbers)


@both
def test_each_is_of_bytes_that_no_other_had(form: Any) -> None:
    ids = form.TraceIds(1.0, counting(1, 0xFEDCBA9876543210, 3))
    assert ids.span() == b"0000000000000001"
    assert ids.trace() == b"fedcba9876543210" + b"0000000000000003"
    assert ids.span() == b"0000000000000001"  # nothing was left: chance was asked again


@both
def test_what_is_left_and_too_little_is_no_part_of_one(form: Any) -> None:
    asked: list[int] = []
    pools = itertools.count(1)

    def chance(count: int) -> bytes:
        asked.append(count)
        return bytes([next(pools)]) * 24

    ids = form.TraceIds(0.0, chance)
    assert ids.span() == b"01" * 8
    assert ids.unrecorded(b"") == b"traceparent: 00-%b-%b-02\r\n" % (b"02" * 16, b"02" * 8)
    assert asked == [4096, 4096]


@both
def test_none_is_all_zeros(form: Any) -> None:
    ids = form.TraceIds(0.0, counting(0, 0, 0))
    assert ids.span() == b"0" * 15 + b"1"
    assert ids.trace() == b"0" * 31 + b"1"
    assert ids.unrecorded(b"a: 1\r\n") == b"a: 1\r\ntraceparent: 00-%b1-%b1-02\r\n" % (b"0" * 31, b"0" * 15)


@both
@pytest.mark.parametrize(
    ("sample", "chance", "is_recorded"),
    [
        (0.0, (1 << 64) - 1, False),
        (1.0, 0, True),
        (0.25, (3 << 54) - 1, False),
        (0.25, 3 << 54, True),
        (0.25, (255 << 56) + (3 << 54) - 1, False),  # only seven bytes count
        (1e-20, (1 << 56) - 1, False),
    ],
)
def test_the_last_seven_bytes_of_a_trace_decide(form: Any, sample: float, chance: int, is_recorded: bool) -> None:
    ids = form.TraceIds(sample, counting(5, chance, 9))
    found = ids.unrecorded(b"")
    if is_recorded:
        assert found is None
        assert ids.trace() == b"%016x%016x" % (5, chance) and ids.span() == b"%016x" % 9
    else:
        assert found == b"traceparent: 00-%016x%016x-%016x-02\r\n" % (5, chance, 9)
