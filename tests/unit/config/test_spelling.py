"""Header fields that are written in two ways."""

from __future__ import annotations

from fastgw.config.source import Document
from fastgw.config.spelling import as_written, same_fields


def test_the_second_spelling_is_told() -> None:
    document = Document("gw", {})
    document.parse("headers: {X-A: 1, x-b: 2, x-a: 3}\n")
    same_fields(document, ("headers",))
    same_fields(document, ("none",))
    assert [str(one) for one in document.problems] == ["gw:1:27: headers.x-a: is the same header field as 'X-A'"]


def test_a_field_is_found_as_it_is_written() -> None:
    document = Document("gw", {})
    document.parse("headers: {X-A: 1}\n")
    assert as_written(document, ("headers",), "x-a") == "X-A"
    assert as_written(document, ("headers",), "x-b") == as_written(document, ("none",), "x-b") == "x-b"
