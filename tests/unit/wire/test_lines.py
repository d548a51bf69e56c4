"""Field lines: which form is chosen, and that the compiled one says what its twin does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire import lines as chooser
from tests.unit.wire.test__lines_py import FORMS


def test_the_compiled_form_is_chosen_where_it_is() -> None:
    assert chooser.values_of is FORMS[-1].values_of


names = st.sampled_from([b"a", b"A", b"x-a", b"X_a", b"x_A", b"x-ab", b"", b"abc"])
complete = st.lists(
    st.one_of(
        st.tuples(
            names, st.sampled_from([b":", b": ", b":\t", b""]), st.text("ax-_:\r \t", max_size=6).map(str.encode)
        ).map(b"".join),
        st.binary(max_size=8).filter(lambda data: b"\r\n" not in data),
    ).filter(lambda line: not line.endswith(b"\r")),
    max_size=6,
).map(lambda found: b"".join(line + b"\r\n" for line in found))
wanted = st.lists(st.sampled_from([b"a", b"x-a", b"x_a", b"x-ab", b"abc"]), max_size=3).map(tuple)


@pytest.mark.skipif(len(FORMS) < 2, reason="the compiled form is not there")
@given(complete, wanted, st.sampled_from([0, 7, 10, 1234567890, 2**63 - 1]))
def test_both_forms_say_the_same(data: bytes, fields: tuple[bytes, ...], length: int) -> None:
    def all_of(form: Any) -> Any:
        values = [form.values_of(data, name) for name in fields]
        rest = form.without_fields(data, fields), form.names_like(data, fields), form.with_length(data, length)
        return values, form.has_any(data, fields), rest

    assert all_of(FORMS[1]) == all_of(FORMS[0])
