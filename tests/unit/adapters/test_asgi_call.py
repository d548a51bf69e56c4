"""What stands in the head of an application's answer."""

from __future__ import annotations

import pytest

from fastgw.adapters.asgi_call import fields_of


def test_fields_are_those_of_the_answer_alone() -> None:
    assert fields_of([(b"A", b"b"), (b"Content-Length", b"7"), (b"Transfer-Encoding", b"chunked")]) == (b"a: b\r\n", 7)
    for bad in ([(b"a", b"b\n")], [(b"a b", b"c")], [(b"content-length", b"x")]):
        with pytest.raises(ValueError):
            fields_of(bad)
