"""What is said of field lines, in both forms."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from types import ModuleType

import pytest

FORMS = [importlib.import_module("fastgw.wire._lines_py")]
if find_spec("fastgw.wire._lines") is not None:
    FORMS.append(importlib.import_module("fastgw.wire._lines"))
FIELDS = b"Host: a\r\nX-A:1\r\nx-b: \t two \r\nX-a: 3\r\nX_A: 4\r\nEmpty:\r\n"

both = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__.rpartition(".")[2])


@both
def test_values_in_any_case_without_blanks(form: ModuleType) -> None:
    assert form.values_of(FIELDS, b"x-a") == [b"1", b"3"]
    assert form.values_of(FIELDS, b"x-b") == [b"two"]
    assert form.values_of(FIELDS, b"empty") == [b""]
    assert form.values_of(FIELDS, b"x") == [] == form.values_of(b"", b"x")
    assert form.values_of(b"GET x-a:1\r\n" + FIELDS, b"x-a", 11) == [b"1", b"3"]


@both
def test_lines_are_taken_out_and_others_stay_as_they_are(form: ModuleType) -> None:
    assert form.without_fields(FIELDS, (b"x-a", b"empty")) == b"Host: a\r\nx-b: \t two \r\nX_A: 4\r\n"
    assert form.without_fields(FIELDS, frozenset({b"host"})) == FIELDS[9:]
    assert form.without_fields(FIELDS, (b"none",)) is FIELDS
    assert form.without_fields(b"A: 1\r\n", (b"a",)) == b"" == form.without_fields(b"", (b"a",))


@both
def test_whether_there_is_one_of_some_fields(form: ModuleType) -> None:
    head = b"GET /x-a: HTTP/1.1\r\n" + FIELDS + b"\r\n"
    assert form.has_any(head, (b"none", b"x-a")) and form.has_any(head, (b"empty",))
    assert (
        not form.has_any(head, (b"x", b"ost", b"x-a:1"))
        and not form.has_any(head, ())
        and not form.has_any(b"", (b"a",))
    )


@both
@pytest.mark.parametrize(
    ("names", "left"),
    [
        ((), b"A: 1\r\nb: 2\r\nAB: 3\r\n"),
        ((b"x",), b"A: 1\r\nb: 2\r\nAB: 3\r\n"),
        ((b"a",), b"b: 2\r\nAB: 3\r\n"),
        ((b"ab", b"a"), b"b: 2\r\n"),
        ((b"ab", b"a", b"b"), b""),
    ],
)
def test_which_are_taken_out(form: ModuleType, names: tuple[bytes, ...], left: bytes) -> None:
    assert form.without_fields(b"A: 1\r\nb: 2\r\nAB: 3\r\n", names) == left


@both
def test_names_that_a_service_may_take_for_others(form: ModuleType) -> None:
    lines = b"X_User_Id: 1\r\nx-user_id: 2\r\nx-user-id: 3\r\nx_users_id: 4\r\nno_colon\r\n"
    assert form.names_like(lines, (b"x-user-id",)) == {b"x_user_id", b"x-user_id"}
    assert form.names_like(b"x-user-id: a_b\r\n", (b"x-user-id",)) == set()
    assert form.names_like(b"x_y: 1\r\n", (b"x_y",)) == set() == form.names_like(b"", (b"x-y",))


@both
@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"Bearer abc", b"abc"),
        (b"bEARER   a b  ", b"a b"),
        (b"Bearer", b""),
        (b"Bearer ", b""),
        (b"Bearerabc", b""),
        (b"Bearer\tabc", b""),
        (b"Bearer \tabc", b"\tabc"),
        (b"Beare", None),
        (b"", None),
        (b"Basic abc", None),
    ],
)
def test_what_is_behind_a_scheme(form: ModuleType, value: bytes, found: bytes | None) -> None:
    assert form.behind(value, b"bearer") == found


@both
def test_a_length_is_the_only_one(form: ModuleType) -> None:
    assert form.with_length(FIELDS, 12) == FIELDS + b"content-length: 12\r\n"
    assert form.with_length(b"Content-Length: 3\r\nA: 1\r\ncontent-length:3\r\n", 0) == b"A: 1\r\ncontent-length: 0\r\n"
