"""JSON Pointers: the examples of RFC 6901, and what is none."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.transformers.pointer import MISSING, find, parse, step, text_of

RFC = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", RFC),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
        ("/foo/2", MISSING),
        ("/foo/-", MISSING),
        ("/foo/01", MISSING),
        ("/foo/-1", MISSING),
        ("/foo/0/x", MISSING),
        ("/nope/a", MISSING),
    ],
)
def test_the_examples_of_the_rfc(pointer: str, value: Any) -> None:
    assert find(RFC, parse(pointer)) is value or find(RFC, parse(pointer)) == value
    assert text_of(parse(pointer)) == pointer


def test_what_is_no_pointer() -> None:
    for text, why in (
        ("a", "expected a JSON pointer"),
        ("/~2", "no escape"),
        ("/a~", "no escape"),
        ("/a" * 33, "32 steps"),
    ):
        with pytest.raises(ValueError, match=why):
            parse(text)


def test_an_escape_is_read_once() -> None:
    assert parse("/~01") == ("~1",) and step({"~1": 5}, "~1") == 5
