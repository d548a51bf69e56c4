"""Where credentials are, and files of them."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from fastgw.config.credentials import KeyPlaces, Place, Realm, check_secret_file
from fastgw.config.source import Document


def read(kind: object, value: object) -> object:
    return get_args(kind)[1].read(value, None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("authorization", "authorization"),
        ("header:X-Key", "header:x-key"),
        ("cookie:a", "cookie:a"),
        ("query:a", "query:a"),
    ],
)
def test_a_place(value: str, expected: str) -> None:
    assert read(Place, value) == expected
    assert read(KeyPlaces, value) == read(KeyPlaces, [value, value]) == (expected,)


@pytest.mark.parametrize("value", ["body", "header:", "header:host", "cookie:a b", "query:a=b", "query:", "x:y"])
def test_what_is_no_place(value: str) -> None:
    for kind in (Place, KeyPlaces):
        with pytest.raises(ValueError, match=r"expected|belongs"):
            read(kind, value)


@pytest.mark.parametrize("value", ['a"b', "a\\b", "a\nb", "ä"])
def test_what_is_no_realm(value: str) -> None:
    with pytest.raises(ValueError, match="expected a realm"):
        read(Realm, value)


def test_a_file_that_cannot_be_used_is_told_with_its_place(tmp_path: Path) -> None:
    def parse(data: bytes) -> None:
        raise ValueError(f"has {len(data)} bytes")

    (tmp_path / "file").write_bytes(b"abc")
    for name, said in (
        ("file", "has 3 bytes"),
        ("none", "cannot be read: No such file or directory"),
        ("", "cannot be read: Is a directory"),
    ):
        document = Document("gw", {})
        document.parse("a: {b: c}")
        check_secret_file(document, ("a", "b"), str(tmp_path / name), parse)
        (problem,) = map(str, document.problems)
        assert problem.startswith("gw:1:8: a.b: ") and problem.endswith(said)
