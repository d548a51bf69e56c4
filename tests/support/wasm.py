"""Modules of WebAssembly for tests, written as text: what every filter has is put around what a test is about."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import wasmtime

from fastgw.filters import wasm as filters_wasm
from fastgw.filters.wasm import WasmFilter
from fastgw.wasm import hostcalls, wasi
from fastgw.wasm.compiler import Compiled, ToCompile, compile_here
from fastgw.wasm.interface import OK, MapPair
from fastgw.wasm.program import WasmBounds, WasmProgram, WasmRuntime
from fastgw.wasm.shared import SharedData

BOUNDS = WasmBounds(
    fuel=1_000_000,
    time=5.0,
    memory=1 << 20,
    elements=100,
    copied=1 << 20,
    max_body=1 << 16,
    instances=10,
    logs=3,
    log_level=2,
)
_TYPES = {"i": "i32", "I": "i64"}
#: What an SDK would give: memory from 64 KiB on, never given back.
ALLOCATE = """
 (global $top (mut i32) (i32.const 65536))
 (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
  (local $at i32)
  (local.set $at (global.get $top))
  (global.set $top (i32.add (global.get $top) (local.get $size)))
  (local.get $at))
"""


def text(body: str, data: Mapping[int, bytes] | None = None, *, imports: str = "") -> str:
    """A filter that has ``body``, with what that calls of the host, and ``data`` in its memory; ``imports``: others."""
    found = [imports]
    for name in sorted(set(re.findall(r"call \$([a-z_]+)", body))):
        if name in hostcalls._PROXY:
            params = "".join(f" {_TYPES[one]}" for one in hostcalls._PROXY[name][0])
            found.append(f'(import "env" "proxy_{name}" (func ${name} (param{params}) (result i32)))')
        elif name in wasi.FUNCTIONS:
            letters, results, _ = wasi.FUNCTIONS[name]
            params = "".join(f" {_TYPES[one]}" for one in letters)
            result = " (result i32)" if results else ""
            found.append(f'(import "wasi_snapshot_preview1" "{name}" (func ${name} (param{params}){result}))')
    parts = [f'(data (i32.const {at}) "{_escaped(value)}")' for at, value in (data or {}).items()]
    marker = '(func (export "proxy_abi_version_0_2_1"))'
    return "\n".join(["(module", *found, '(memory (export "memory") 4)', *parts, marker, ALLOCATE, body, ")"])


def _escaped(data: bytes) -> str:
    return "".join([f"\\{one:02x}" for one in data])


@cache
def binary(wat: str) -> bytes:
    """The module of this text."""
    return bytes(wasmtime.wat2wasm(wat))


def runtime() -> WasmRuntime:
    """One for all tests of a process: that of its filters."""
    return filters_wasm.runtime()


@cache
def compiled(module: bytes, bounds: WasmBounds = BOUNDS, configuration: bytes = b"") -> Compiled:
    """As the supervisor has it done."""
    return compile_here(ToCompile("guard", module, bounds, configuration, b"", "", "", 1 << 16), runtime())


def program(wat: str, *, configuration: bytes = b"", shared: SharedData | None = None, **bounds: Any) -> WasmProgram:
    """Ready to be guests, whether it could begin or not."""
    from fastgw.wasm.sections import read_sections

    module = binary(wat)
    return WasmProgram(
        *(runtime(), "guard", _code(module), read_sections(module), BOUNDS._replace(**bounds)),
        configuration=configuration,
        vm_configuration=b"vm",
        root_id="r",
        vm_id="v",
        shared=shared or SharedData(1 << 16),
    )


@cache
def _code(module: bytes) -> bytes:
    return runtime().engine.compile(module)


def wasm_filter(wat: str, *, configuration: bytes = b"", shared_data: int = 1 << 16, **bounds: Any) -> WasmFilter:
    """The filter ``guard`` of this text, which has started."""
    return filter_of(binary(wat), configuration=configuration, shared_data=shared_data, **bounds)


def filter_of(module: bytes, *, configuration: bytes = b"", shared_data: int = 1 << 16, **bounds: Any) -> WasmFilter:
    """The same of a module."""
    found = compiled(module, BOUNDS._replace(**bounds), configuration)
    sections = found.sections
    told = (
        tuple((one.module, one.name, one.kind, tuple(one.signature or ("", ""))) for one in sections.imports),
        tuple((name, tuple(of)) for name, of in sections.exports.items()),
        *sections[2:],
    )
    options = BOUNDS._replace(**bounds)._asdict() | {
        "code": found.code,
        "sections": told,
        "configuration": configuration,
        "vm_configuration": b"",
        "root_id": "",
        "vm_id": "",
        "shared_data": shared_data,
    }
    made = WasmFilter("guard", options)
    made.start(None)  # type: ignore[arg-type]
    return made


class Stream:
    """What a guest sees, without an exchange."""

    def __init__(self, **fields: bytes) -> None:
        self.fields: dict[bytes, bytes] = {name.replace("_", "-").encode(): value for name, value in fields.items()}
        self.lines: list[tuple[str, str]] = []
        self.can_reply = True

    def pairs(self, map_id: int) -> Sequence[MapPair] | None:
        return list(self.fields.items()) if map_id == 0 else None

    def value(self, map_id: int, name: bytes) -> bytes | None:
        return self.fields.get(name)

    def edit(self, map_id: int, removed: Sequence[bytes], added: Sequence[MapPair]) -> int:
        for name in removed:
            self.fields.pop(name, None)
        self.fields.update(added)
        return OK

    def put(self, map_id: int, pairs: Sequence[MapPair]) -> int:
        self.fields = dict(pairs)
        return OK

    def known(self, path: Sequence[bytes]) -> bytes | None:
        return b"/x" if list(path) == [b"request", b"path"] else None

    def log(self, level: str, text: str) -> None:
        self.lines.append((level, text))
