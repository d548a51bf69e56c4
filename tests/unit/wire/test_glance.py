"""Both forms see the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire import _glance_py as plain
from fastgw.wire.glance import glance, may_tell

WORDS = (b"data:", b"data", b"\n", b"\r\n", b"[DONE]", b'"usage"', b":", b" ", b"{", b"null", b"eval_count", b"x" * 9)


@given(st.lists(st.sampled_from(WORDS), max_size=30).map(b"".join), st.integers(0, 20))
def test_the_compiled_form_sees_what_its_twin_sees(block: bytes, begin: int) -> None:
    begin = min(begin, len(block))
    assert glance(block, begin) == plain.glance(block, begin)
    assert bool(may_tell(block, begin)) is plain.may_tell(block, begin)
