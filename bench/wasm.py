"""What a filter in WebAssembly costs, by the way in which the runtime is called: ``python -m bench.wasm``, for docs/wasm.md.

One exchange is measured, without a socket: an instance is made and begins, ``proxy_on_request_headers`` reads a field and adds one, and the
instance is closed.  Processor time, the least of some rounds, all ways in one run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

import wasmtime

from fastgw.wasm import _binding_py, guest, program
from fastgw.wasm.guest import WasmGuest
from fastgw.wasm.program import WasmBounds, WasmProgram, WasmRuntime
from fastgw.wasm.sections import read_sections
from fastgw.wasm.shared import SharedData

ROUNDS: Final = 7
EXCHANGES: Final = 2000
MODULE: Final = """(module
 (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
 (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
 (memory (export "memory") 2)
 (data (i32.const 16) "x-user") (data (i32.const 32) "x-seen")
 (global $top (mut i32) (i32.const 4096))
 (func (export "proxy_abi_version_0_2_1"))
 (func (export "proxy_on_memory_allocate") (param i32) (result i32)
  (global.get $top) (global.set $top (i32.add (global.get $top) (local.get 0))))
 (func (export "proxy_on_context_create") (param i32 i32))
 (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (drop (call $get (i32.const 0) (i32.const 16) (i32.const 6) (i32.const 64) (i32.const 68)))
  (drop (call $add (i32.const 0) (i32.const 32) (i32.const 6) (i32.load (i32.const 64)) (i32.load (i32.const 68))))
  (i32.const 0)))"""
BOUNDS: Final = WasmBounds(10_000_000, 0.1, 16 << 20, 65536, 16 << 20, 1 << 20, 256, 16, 2)


class Fields:
    """An exchange with one field."""

    can_reply = True

    def value(self, map_id: int, name: bytes) -> bytes:
        """It."""
        return b"ann"

    def edit(self, map_id: int, removed: Any, added: Any) -> int:
        """Nothing comes of it."""
        return 0


def microseconds(exchange: Callable[[], None]) -> float:
    """Of one, the least of all rounds."""
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(EXCHANGES):
            exchange()
        found.append((time.process_time() - began) / EXCHANGES * 1e6)
    return min(found)


def by_ours(form: ModuleType) -> tuple[float, float]:
    """An exchange, and an instance alone, by ``form`` of our own binding."""
    guest.WasmInstance = program.WasmInstance = form.WasmInstance  # type: ignore[attr-defined,misc]
    program.WasmModule, program.WasmEngine = form.WasmModule, form.WasmEngine  # type: ignore[misc]
    module = bytes(wasmtime.wat2wasm(MODULE))
    runtime = WasmRuntime(100)
    made = WasmProgram(
        *(runtime, "guard", runtime.engine.compile(module), read_sections(module), BOUNDS),
        configuration=b"",
        vm_configuration=b"",
        vm_id="",
        shared=SharedData(0),
    )
    fields: Any = Fields()

    def exchange() -> None:
        one = WasmGuest(made, fields)
        one.on_request_headers(4, True)
        one.end()

    def instance() -> None:
        form.WasmInstance(made.module, None, 16 << 20, 65536, 10_000_000, 11).close()

    found = microseconds(exchange), microseconds(instance)
    runtime.ticker.stop()
    return found


def by_package() -> tuple[float, float]:
    """The same by the Python of ``wasmtime``, as its documentation has it."""
    config = wasmtime.Config()
    config.consume_fuel = True
    config.epoch_interruption = True
    engine = wasmtime.Engine(config)
    module = wasmtime.Module(engine, MODULE)
    linker = wasmtime.Linker(engine)
    i32 = wasmtime.ValType.i32()
    held: list[Any] = []

    def get(caller: Any, map_id: int, key: int, size: int, data_at: int, size_at: int) -> int:
        memory, allocate = caller["memory"], held[0]
        memory.read(caller, key, key + size)
        place = allocate(caller, 3)
        memory.write(caller, b"ann", place)
        memory.write(caller, place.to_bytes(4, "little"), data_at)
        memory.write(caller, b"\3\0\0\0", size_at)
        return 0

    def add(caller: Any, map_id: int, key: int, key_size: int, data: int, size: int) -> int:
        memory = caller["memory"]
        memory.read(caller, key, key + key_size)
        memory.read(caller, data, data + size)
        return 0

    for name, function in (("get", get), ("add", add)):
        kind = wasmtime.FuncType([i32] * 5, [i32])
        linker.define_func("env", f"proxy_{name}_header_map_value", kind, function, access_caller=True)

    def instance() -> Any:
        store = wasmtime.Store(engine)
        store.set_limits(memory_size=16 << 20)
        store.set_fuel(10_000_000)
        store.set_epoch_deadline(11)
        return store, linker.instantiate(store, module).exports(store)

    def exchange() -> None:
        store, exports = instance()
        held[:] = [exports["proxy_on_memory_allocate"]]
        for context in ((1, 0), (2, 1)):
            exports["proxy_on_context_create"](store, *context)
        exports["proxy_on_request_headers"](store, 2, 4, 1)

    return microseconds(exchange), microseconds(lambda: instance() and None)


def main() -> None:
    """Write the table."""
    rows = [("the Python of `wasmtime` (`ctypes`)", by_package()), ("its library, by `ctypes`", by_ours(_binding_py))]
    try:
        from fastgw.wasm import _binding
    except ImportError:
        pass
    else:
        rows.append(("its library, in C (Cython)", by_ours(_binding)))
    print("| the runtime is called by | an exchange | of that, an instance |\n|---|---|---|")
    for way, (exchange, instance) in rows:
        print(f"| {way} | {exchange:.1f} µs | {instance:.1f} µs |")


if __name__ == "__main__":
    main()
