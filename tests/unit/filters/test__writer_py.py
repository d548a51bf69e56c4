"""Lines of JSON are written right, in both forms."""

from __future__ import annotations

import importlib
import json
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

FORMS = [importlib.import_module("fastgw.filters._writer_py")]
if find_spec("fastgw.filters._writer") is not None:
    FORMS.append(importlib.import_module("fastgw.filters._writer"))

both = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__.rpartition(".")[2])


@both
def test_everything_stands_behind_what_was_there(form: Any) -> None:
    writer = form.Writer()
    writer.put(b'{"a":')
    writer.text(b"x")
    writer.put(b",")
    writer.string("y\u00e9")
    writer.number(0)
    writer.three(1004)
    assert writer.size() == 18
    writer.number(-12)
    writer.number(2**63 - 1)
    assert writer.take() == '{"a":"x","yé"0004-129223372036854775807'.encode()
    assert writer.take() == b"" and writer.size() == 0


@both
def test_nothing_has_a_place_wherever_it_is_written(form: Any) -> None:
    writer = form.Writer()
    writer.put(b"")
    assert writer.take() == b""
    writer.put(b"x" * 300_000)
    assert len(writer.take()) == 300_000
    writer.put(b"")
    writer.put(b"y")
    assert writer.take() == b"y"


@both
def test_what_is_cut_is_forgotten(form: Any) -> None:
    writer = form.Writer()
    writer.put(b"abc")
    writer.cut(1)
    writer.put(b"d")
    assert writer.take() == b"ad"


@both
def test_much_has_room_and_so_has_what_comes_after(form: Any) -> None:
    writer = form.Writer()
    for _ in range(3):
        writer.put(b"x" * 300_000)
    assert writer.take() == b"x" * 900_000
    writer.put(b"y")
    assert writer.take() == b"y"


@both
def test_texts_of_clients_are_cut(form: Any) -> None:
    writer = form.Writer()
    for value in (b"x" * 5000, b'"' * 5000):
        writer.text(value)
        assert json.loads(writer.take()) == (value[: form.VALUE_MAX]).decode()


@both
@pytest.mark.parametrize("place", range(17))
def test_no_byte_is_written_that_ends_a_string(form: Any, place: int) -> None:
    writer = form.Writer()
    for byte in range(256):
        value = b"a" * place + bytes([byte]) + b"z" * (16 - place)
        writer.text(value)
        found = writer.take()
        assert json.loads(found) == value.decode("latin-1") and min(found) >= 32


@both
@pytest.mark.parametrize("is_bare", [False, True])
@pytest.mark.parametrize("place", range(17))
def test_no_byte_is_written_that_ends_a_value_of_a_line(form: Any, place: int, is_bare: bool) -> None:
    writer = form.Writer()
    for byte in range(256):
        writer.escaped(b"a" * place + bytes([byte]) + b"z" * (16 - place), is_bare)
        found = writer.take()
        is_plain = 0x20 + is_bare <= byte < 0x7F and byte not in b'"\\'
        assert found == b"a" * place + (bytes([byte]) if is_plain else b"\\x%02X" % byte) + b"z" * (16 - place)


@both
def test_a_value_of_a_line_is_cut_and_never_empty(form: Any) -> None:
    writer = form.Writer()
    writer.escaped(b"", False)
    writer.escaped(b"", True)
    assert writer.take() == b"--"
    writer.escaped(b"\n" * 5000, False)
    assert writer.take() == b"\\x0A" * form.VALUE_MAX


@pytest.mark.skipif(len(FORMS) < 2, reason="the compiled form is not there")
@given(st.binary(max_size=40), st.text(max_size=40), st.integers(-(2**63) + 1, 2**63 - 1), st.integers(0, 2**62))
def test_both_forms_write_the_same(value: bytes, said: str, number: int, positive: int) -> None:
    def written(form: Any) -> bytes:
        writer = form.Writer()
        writer.text(value)
        writer.string(said)
        writer.number(number)
        writer.three(positive)
        writer.escaped(value, positive % 2 == 0)
        found: bytes = writer.take()
        return found

    assert written(FORMS[0]) == written(FORMS[1])
