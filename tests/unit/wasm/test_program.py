"""Which modules can be filters, and why others cannot."""

from __future__ import annotations

import pytest

from fastgw.wasm.program import refusal
from fastgw.wasm.sections import read_sections
from fastgw.wasm.traps import WasmError
from tests.support.wasm import ALLOCATE, binary, program, text

MARKER = '(func (export "proxy_abi_version_0_2_1"))'
MEMORY = '(memory (export "memory") 4)'


@pytest.mark.parametrize(
    ("wat", "words"),
    [
        (text(""), ""),
        (f'(module {MEMORY} {ALLOCATE} (func (export "proxy_abi_version_0_1_0")))', ""),
        (f"(module {MARKER} {ALLOCATE})", "exports no memory"),
        (f"(module {MARKER} {MEMORY})", "neither proxy_on_memory_allocate nor malloc"),
        (f"(module {MEMORY} {ALLOCATE})", "is no filter of proxy-wasm"),
        (text("", imports='(import "env" "system" (func (param i32)))'), "imports env.system, which no filter has"),
        (text("", imports='(import "env" "log" (func (param i32)))'), "imports env.log, which"),
        (
            text("", imports='(import "wasi_snapshot_preview1" "sock_accept" (func (param i32 i32 i32) (result i32)))'),
            "imports wasi_snapshot_preview1.sock_accept",
        ),
        (
            text("", imports='(import "env" "proxy_log" (func (param i32) (result i32)))'),
            r"imports env.proxy_log as \(i\) -> \(i\), which is \(iii\) -> \(i\)",
        ),
        (f'(module (import "env" "m" (memory 1)) {MARKER} {ALLOCATE})', "env.m, which is no function"),
        (
            text('(func (export "proxy_on_request_headers") (param i32))'),
            r"exports proxy_on_request_headers as \(i\) -> \(\), which is \(iii\) -> \(i\)",
        ),
        (f'(module {MARKER} {ALLOCATE} (memory (export "memory") 40))', "begins with 2621440 bytes of memory"),
        (text("(table 200 funcref)"), "begins with 200 elements"),
    ],
)
def test_a_module_is_a_filter_or_it_is_said_why_not(wat: str, words: str) -> None:
    found = refusal(read_sections(binary(wat)), 1 << 20, 100)
    if words:
        with pytest.raises(AssertionError, match=words):
            raise AssertionError(found)
    else:
        assert found == ""


def test_what_cannot_be_linked_is_an_error() -> None:
    with pytest.raises(WasmError, match=r"env\.system"):
        program(text("", imports='(import "env" "system" (func))'))


def test_what_it_has_is_known_by_place() -> None:
    found = program(text('(func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1))'))
    assert [place for place, has in enumerate(found.has) if has] == [0, 7] and found.params[7] == 2
