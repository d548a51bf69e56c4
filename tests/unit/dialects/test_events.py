"""Events and lines as they are written."""

from __future__ import annotations

import pytest

from fastgw.dialects.events import ToldError, chunk_of, line, named, unnamed
from fastgw.dialects.fields import BrokenAnswerError
from fastgw.dialects.told import FailureTold
from fastgw.wire.sse import events


def test_events_are_read_as_they_were_written() -> None:
    text = {"text": "a\nb\r\u2028"}
    data = named("x", text) + unnamed(text)
    first, second = events(data)
    assert (first.kind, second.kind) == (b"x", b"") and first.data == second.data
    assert line(text).count(b"\n") == 1 and line(text).endswith(b"}\n")


def test_an_error_says_what_the_service_has_said() -> None:
    assert str(ToldError(FailureTold("out of memory"))) == "out of memory"


@pytest.mark.parametrize("data", [b"{", b"[]", b"1", b"{}", b'{"choices": {}}'])
def test_what_is_no_chunk_is_broken(data: bytes) -> None:
    with pytest.raises(BrokenAnswerError):
        chunk_of(data)


def test_a_chunk_is_one_or_says_an_error() -> None:
    assert chunk_of(b'{"choices": [], "id": "a"}') == {"choices": [], "id": "a"}
    with pytest.raises(ToldError, match="out of memory"):
        chunk_of(b'{"error": {"message": "out of memory"}}')
