"""What a module says of itself; and whatever bytes come, nothing worse than an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wasm.sections import FUNCTION, MEMORY, Imported, Signature, read_sections
from fastgw.wasm.traps import WasmError
from tests.support.wasm import binary

MODULE = binary(
    """(module
 (import "env" "a" (func (param i32 i64) (result f32)))
 (import "env" "m" (memory 1))
 (import "env" "t" (table 3 funcref))
 (import "env" "g" (global i32))
 (table 7 10 funcref)
 (func $f (export "f") (param f64))
 (func (export "g") (result i32) (i32.const 1))
 (export "again" (func $f))
 (start $s) (func $s))"""
)


def test_imports_and_exports_have_their_types() -> None:
    found = read_sections(MODULE)
    assert found.imports[:2] == (
        Imported("env", "a", FUNCTION, Signature("iI", "f")),
        Imported("env", "m", MEMORY, None),
    )
    assert [one.name for one in found.imports] == ["a", "m", "t", "g"]
    assert found.exports == {"f": Signature("F", ""), "g": Signature("", "i"), "again": Signature("F", "")}
    assert found.has_start and found.elements == 7 and found.pages == 0 and found.memories == ()
    assert str(found.imports[0].signature) == "(iI) -> (f)"


def test_memory_has_a_name_and_a_size() -> None:
    found = read_sections(binary('(module (memory (export "memory") 3 9))'))
    assert found.memories == ("memory",) and found.pages == 3 and not found.has_start


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is no module of WebAssembly"),
        (b"#!/bin/sh", "is no module of WebAssembly"),
        (b"\0asm\x0d\0\1\0", "is a component"),
        (MODULE[:-1], "ends in the middle"),
        (MODULE[:9] + b"\xff" * 12, "a number that never ends"),
        (b"\0asm\x01\0\0\0\x07\x05\x01\x01a\x00\x09", "names what it has not"),
        (b"\0asm\x01\0\0\0\x01\x02\x01\x5f", "a proposal"),
        (b"\0asm\x01\0\0\0\x04\x03\x01\x40\x00", "a proposal"),
    ],
)
def test_what_is_no_module_is_said(data: bytes, words: str) -> None:
    with pytest.raises(WasmError, match=words):
        read_sections(data)


@given(st.integers(8, len(MODULE) - 1), st.binary(min_size=1, max_size=3))
def test_whatever_bytes_come_they_are_read_or_refused(at: int, put: bytes) -> None:
    try:
        read_sections(MODULE[:at] + put + MODULE[at + len(put) :])
    except WasmError:
        pass
