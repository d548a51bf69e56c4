"""Requests read key by key: nothing gets past unseen, and every refusal has the place."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.dialects.fields import NUMBER, KeyReader, RequestMisfitError, UntranslatableError, copied


def test_what_is_read_is_gone_and_what_is_left_is_refused_with_its_place() -> None:
    said = KeyReader({"a": 1, "b": {"c": [{"d": True}]}, "e": None}, "")
    assert said.take("a", int) == 1 and said.take("a") is None and said.take("e", str) is None
    inner = said.inside("b")
    assert inner is not None and said.inside("b") is None
    (one,) = inner.each("c")
    assert one.path == "b.c.0" and inner.each("c") == []
    said.end()
    inner.end()
    with pytest.raises(UntranslatableError, match=r"^b\.c\.0\.d: has nothing like it"):
        one.end()


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (lambda said: said.take("number", str), "number: must be a string, and is a whole number"),
        (lambda said: said.take("flag", NUMBER), "flag: must be a whole number or a number, and is true or false"),
        (lambda said: said.need("none", str), "none: is needed"),
        (lambda said: said.need("missing"), "missing: is needed"),
        (lambda said: said.inside("list"), "list: must be an object, and is a list"),
        (lambda said: said.each("list"), "list.0: must be an object, and is a string"),
        (lambda said: said.each("number"), "number: must be a list, and is a whole number"),
        (lambda said: KeyReader([], ""), "the body: must be an object, and is a list"),
        (lambda said: KeyReader(None, "x"), "x: must be an object, and is null"),
    ],
)
def test_what_does_not_fit(read: Any, told: str) -> None:
    said = KeyReader({"number": 1, "flag": True, "none": None, "list": ["a"]}, "")
    with pytest.raises(RequestMisfitError) as caught:
        read(said)
    assert str(caught.value) == told


def test_what_means_nothing_passes_and_nothing_else() -> None:
    KeyReader({"n": 1}, "").only("n", 1)
    KeyReader({"n": None}, "").only("n", 1)
    for value in (2, True, 1.5, "1"):
        with pytest.raises(UntranslatableError):
            KeyReader({"n": value}, "").only("n", 1)


def test_words_have_a_meaning_or_are_refused() -> None:
    said = KeyReader({}, "x")
    assert said.meant("y", "a", {"a": "b"}) == "b"
    with pytest.raises(UntranslatableError, match=r"^x\.y: 'c' has nothing like it"):
        said.meant("y", "c", {"a": "b"})


def test_values_are_copied_where_they_are() -> None:
    into: dict[str, Any] = {}
    copied(KeyReader({"a": 1, "b": 2.5}, ""), into, NUMBER, "a", "b", "c")
    assert into == {"a": 1, "b": 2.5}
