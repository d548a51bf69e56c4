"""Ids of traces and spans: which form is chosen, and that both give the same by the same chance."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.filters import trace_ids as chooser
from tests.unit.filters.test__trace_ids_py import FORMS


def test_the_compiled_form_is_chosen_where_it_is() -> None:
    assert chooser.TraceIds is FORMS[-1].TraceIds


calls = st.lists(st.sampled_from(["span", "trace", "unrecorded"]), max_size=40)


@pytest.mark.skipif(len(FORMS) < 2, reason="the compiled form is not there")
@given(calls, st.floats(0, 1), st.integers(24, 100), st.integers(0, 99))
def test_both_forms_give_the_same(names: list[str], sample: float, size: int, seed: int) -> None:
    def all_of(form: Any) -> list[Any]:
        chance = random.Random(seed)
        ids = form.TraceIds(sample, lambda _: chance.randbytes(size))
        return [ids.unrecorded(b"x: y\r\n") if name == "unrecorded" else getattr(ids, name)() for name in names]

    assert all_of(FORMS[1]) == all_of(FORMS[0])
