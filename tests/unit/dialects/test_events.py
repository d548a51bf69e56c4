"""Events and lines as they are written."""

from __future__ import annotations

from fastgw.dialects.events import ToldError, line, named, unnamed
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
