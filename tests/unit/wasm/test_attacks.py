"""What a module may try: whatever it does ends its own call, as ``WasmTrap`` or ``WasmError``, and leaves nothing."""

from __future__ import annotations

import gc
import random
import weakref
from pathlib import Path

import pytest

from fastgw.wasm import hostcalls, wasi
from fastgw.wasm.binding import WasmInstance, WasmModule
from fastgw.wasm.guest import WasmGuest
from fastgw.wasm.program import WasmProgram
from fastgw.wasm.sections import HostFunction, Signature, read_sections
from fastgw.wasm.traps import WasmError, WasmTrap
from tests.support.wasm import BOUNDS, Stream, binary, program, runtime, text

#: Numbers at the edges of a memory, of what is signed, and of 32 bits.
WILD = (0, 1, 7, 16, 65535, 65536, 0x40000 - 1, 0x40000, -1, -4, -65536, 0x7FFFFFFF, -0x80000000)
TYPES = {"i": "i32", "I": "i64"}
PAIRS = "(drop (call $get_header_map_pairs (i32.const 0) (i32.const 0) (i32.const 4)))"


def on_request(code: str, action: str = "(i32.const 0)") -> str:
    return f'(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {code} {action})'


def played(made: WasmProgram) -> str:
    """What becomes of an exchange; a text for how it failed."""
    try:
        guest = WasmGuest(made, Stream(x_user=b"ann"))
        guest.on_request_headers(1, False)
        guest.request_body = bytearray(b"body")
        guest.on_request_body(True)
        guest.on_response_headers(1, True)
        guest.end()
    except WasmTrap as trap:
        return trap.cause
    finally:
        assert made.live == 0
    return ""


@pytest.mark.no_cover
@pytest.mark.parametrize("name", [*hostcalls._PROXY, *wasi.FUNCTIONS])
def test_wild_numbers_are_no_harm_to_a_function(name: str) -> None:
    chance = random.Random(name)  # the same each time
    params, results = (
        (hostcalls._PROXY[name][0], "i")
        if name in hostcalls._PROXY
        else (wasi.FUNCTIONS[name][0], wasi.FUNCTIONS[name][1])
    )
    calls = []
    for _ in range(40):
        call = f"(call ${name}{''.join(f' ({TYPES[one]}.const {chance.choice(WILD)})' for one in params)})"
        calls.append(f"(drop {call})" if results else call)
    assert played(program(text(on_request(" ".join(calls))))) in ("", "exit", "copied")


def module_of(allocator: str, code: str = PAIRS) -> str:
    """A filter with an allocator of its own."""
    found = text(on_request(code) + " ".join(["(; ;)"]))
    start, end = found.index('(func (export "proxy_on_memory_allocate")'), found.index(on_request(code))
    return found[:start] + f'(func $m (export "malloc") (param i32) (result i32) {allocator})' + found[end:]


@pytest.mark.parametrize(
    ("allocator", "cause"),
    [
        *((f"(i32.const {place})", "") for place in WILD),
        ("(unreachable)", "trap"),
        ("(loop $l (br $l)) (i32.const 0)", "fuel"),
        ("(i32.mul (memory.grow (i32.const 2)) (i32.const 65536))", ""),
        (f"{PAIRS} (i32.const 2048)", "stack"),  # which is asked for memory again, and so on
    ],
)
def test_an_allocator_that_is_none(allocator: str, cause: str) -> None:
    assert played(program(module_of(allocator), copied=1 << 28, fuel=10_000_000)) == cause


def test_a_start_function_has_no_memory_to_be_read() -> None:
    begun = program(text("(func $s (drop (call $log (i32.const 2) (i32.const 0) (i32.const 4)))) (start $s)"))
    with pytest.raises(WasmTrap, match="only _initialize and what comes later"):
        WasmGuest(begun, Stream())


@pytest.mark.no_cover
def test_bytes_that_are_no_module_any_more() -> None:
    whole = binary((Path(__file__).resolve().parents[3] / "examples" / "wasm" / "tenant.wat").read_text())
    ends: set[str] = set()
    for number in range(300):
        chance = random.Random(number)
        data = bytearray(whole)
        for _ in range(chance.choice((1, 1, 2, 4))):
            place = chance.randrange(len(data))
            data[place : place + chance.randrange(3)] = chance.randbytes(chance.randrange(1, 3))
        try:
            code, sections = runtime().engine.compile(bytes(data)), read_sections(bytes(data))
            from fastgw.wasm.program import refusal

            if refusal(sections, BOUNDS.memory, BOUNDS.elements):
                ends.add("refused")
                continue
            made = program_of(code, sections)
        except WasmError:
            ends.add("error")
            continue
        ends.add(played(made))
    assert {"error", "refused"} <= ends


def program_of(code: bytes, sections: object) -> WasmProgram:
    from fastgw.wasm.shared import SharedData

    return WasmProgram(
        *(runtime(), "guard", code, sections, BOUNDS),  # type: ignore[arg-type]
        configuration=b"acme",
        vm_configuration=b"",
        root_id="",
        vm_id="",
        shared=SharedData(1000),
    )


def test_a_module_that_is_left_is_gone_without_a_collector() -> None:
    def call(*_: object) -> int:
        return 0

    code = runtime().engine.compile(binary(text(on_request(PAIRS))))
    given = [HostFunction("env", "proxy_get_header_map_pairs", Signature("iii", "i"), call)]
    made = WasmModule(runtime().engine, code, given, ["proxy_on_request_headers"], "memory")
    guest = WasmInstance(made, None, 1 << 20, 100, 10_000, 100)
    assert guest.call(0, 2, 1, 1) == 0
    guest.close()
    left = weakref.ref(call)
    gc.disable()
    try:
        del call, given, made, guest
        assert left() is None
    finally:
        gc.enable()
